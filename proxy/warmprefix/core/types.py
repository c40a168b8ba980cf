"""The values that the whole project speaks of. Frozen, no behaviour beyond what a value knows of itself.

Words: docs/design.md. A field that is absent, empty or null in JSON is three different things on the
wire; here `None` means absent, and anything that does not have the type named below is kept in
`extra` as the raw JSON it came as, in the order of arrival.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NewType

RawJson = NewType("RawJson", bytes)
"""JSON text exactly as received: number spelling, key order, escapes and blanks included."""

EMPTY: Mapping[str, RawJson] = {}


class Risk(Enum):
    """What a transformation can do to the meaning of a prompt (docs/design.md, Four rules)."""

    LOSSLESS = "lossless"
    NEUTRAL = "neutral"
    MEANING = "meaning"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A `{"type": "text"}` content part; `extra` holds marks such as `cache_control`."""

    text: str
    extra: Mapping[str, RawJson] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """Any other content part (picture, audio, file), as the bytes it came as."""

    raw: RawJson


Part = TextPart | OpaquePart


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of an assistant message. `arguments` is JSON text, compared as JSON, never re-dumped.

    `arguments_raw` holds arguments that arrived as a JSON object instead of text.
    `keys` and `function_keys` are the member names in the order of arrival.
    """

    id: str | None
    name: str | None
    arguments: str | None
    arguments_raw: RawJson | None = None
    type: str | None = "function"
    extra: Mapping[str, RawJson] = field(default_factory=lambda: EMPTY)
    function_extra: Mapping[str, RawJson] = field(default_factory=lambda: EMPTY)
    keys: tuple[str, ...] = ("id", "type", "function")
    function_keys: tuple[str, ...] = ("name", "arguments")


@dataclass(frozen=True, slots=True)
class Message:
    """One element of the message array. `keys`: member names in the order of arrival.

    `opaque` is true when the message could not be understood (a lone surrogate, a member twice, no
    object at all); then only `raw` is set and no rule touches it.

    `raw` is the message as received. Whoever changes a field drops it (`core.wire.changed`), so a
    message nobody changed goes out with its own bytes.
    """

    role: str | None
    content: str | tuple[Part, ...] | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    extra: Mapping[str, RawJson] = field(default_factory=lambda: EMPTY)
    keys: tuple[str, ...] = ()
    opaque: bool = False
    raw: RawJson | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `definition` is its JSON as bytes; `name` is None where it could not be read."""

    name: str | None
    definition: RawJson


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a chat template can see, nothing else.

    `tools is None` means that the request has no `tools` member; `()` that it has an empty one.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None = None
    template_options: Mapping[str, RawJson] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True)
class Request:
    """One request body, parsed. `options`: every other member of the body, decoded, for reading only.

    `body` is what arrived; `members` are the spans of its top-level values, by name.
    """

    dialect: str
    model: str | None
    prompt: Prompt
    options: Mapping[str, object]
    stream: bool
    body: bytes
    members: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Usage:
    """The `usage` object of a reply, as far as it was reported. Tokens."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """llama-server's `timings` object (tools/server/server-common.cpp:84-105). Tokens and milliseconds."""

    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the backend generated, as far as it arrived. `error`: the message of an error inside a stream.

    `complete` is true when the reply came to its own end (a finish reason or `[DONE]`).
    """

    message: Message | None = None
    finish: str | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    error: str | None = None
    complete: bool = False
    model: str | None = None


StatsSource = Literal["timings", "usage", "none"]


@dataclass(frozen=True, slots=True)
class CacheStats:
    """The backend's own counts. `prompt = cached + processed`. Not reported is None, never 0."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    processed_tokens: int | None = None
    generated_tokens: int | None = None
    prompt_ms: float | None = None
    generate_ms: float | None = None
    source: StatsSource = "none"


class Outcome(Enum):
    """How a turn ended."""

    OK = "ok"
    BACKEND_ERROR = "backend_error"
    BACKEND_UNREACHABLE = "backend_unreachable"
    BACKEND_DISCONNECTED = "backend_disconnected"
    BACKEND_TIMEOUT = "backend_timeout"
    CLIENT_GONE = "client_gone"
    STOPPED = "stopped"


class Kind(Enum):
    """How a turn relates to the conversation it belongs to."""

    COLD = "cold"
    APPEND = "append"
    RETRY = "retry"
    EDIT = "edit"
    TOOLS_CHANGED = "tools-changed"
    TEMPLATE_OPTIONS_CHANGED = "template-options-changed"
    COMPACTION = "compaction"
    SIDE = "side"
    EVICTED = "evicted"
    MODEL_SWITCHED = "model-switched"
