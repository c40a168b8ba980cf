"""The values that the whole project speaks of. Frozen, no behaviour beyond what a value knows of itself.

Words: docs/design.md. A field that is absent, empty or null in JSON is three different things on the
wire; here `None` means absent, and anything that does not have the type named below is kept in
`extra` as the raw JSON it came as, in the order of arrival.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NewType, Protocol

RawJson = NewType("RawJson", bytes)
"""JSON text exactly as received: number spelling, key order, escapes and blanks included."""


class _Nothing(dict[str, RawJson]):
    """A mapping that stays empty, and so may be the default of a field: whoever makes a value calls nothing."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # dataclasses refuse what has no hash


EMPTY: Mapping[str, RawJson] = _Nothing()


_derive = object.__setattr__  # a frozen value is filled in where it is made


class Risk(Enum):
    """What a transformation can do to the meaning of a prompt (docs/design.md, Four rules)."""

    LOSSLESS = "lossless"
    NEUTRAL = "neutral"
    MEANING = "meaning"


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
    extra: Mapping[str, RawJson] = EMPTY
    function_extra: Mapping[str, RawJson] = EMPTY
    keys: tuple[str, ...] = ()
    function_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text that is shown. `extra` holds marks of its own, such as those of a prompt cache.

    `is_bare`: it is the whole content, written as a string and not as an element of an array.
    """

    text: str
    extra: Mapping[str, RawJson] = EMPTY
    is_bare: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class OpaquePart:
    """A part that is none of the others (picture, audio, file), as the bytes it came as: the slice of `whole`
    from `start` to `end`, by default all of it. A picture is large, and is not copied out of its message."""

    whole: RawJson = field(repr=False)
    start: int = 0
    end: int = -1

    def __post_init__(self) -> None:
        if self.end < 0:
            _derive(self, "end", len(self.whole))

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start

    @property
    def raw(self) -> RawJson:
        """Its bytes."""
        if self.size == len(self.whole):
            return self.whole
        return RawJson(self.whole[self.start : self.end])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpaquePart) or self.size != other.size:
            return False
        return self.whole.startswith(memoryview(other.whole)[other.start : other.end], self.start)

    def __hash__(self) -> int:
        return hash(self.size)


Content = TextPart | OpaquePart


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What the model thought. `signature`: a proof of it that some APIs add; `raw`: as it came, if it is an
    element of an array."""

    text: str
    signature: str | None = None
    raw: RawJson | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CallPart:
    """A tool call at its place among the other parts."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ResultPart:
    """The result of a tool call. `call_id`: which one; None if it does not say. `extra`: marks of its own.
    `raw`: as it came, if it is an element of an array."""

    call_id: str | None
    parts: tuple[Content, ...] = ()
    extra: Mapping[str, RawJson] = EMPTY
    raw: RawJson | None = field(default=None, compare=False, repr=False)


Part = TextPart | OpaquePart | ReasoningPart | CallPart | ResultPart


@dataclass(frozen=True, slots=True)
class Names:
    """What one dialect calls the members of a message, of a tool call and of a tool.

    `message`, `call`, `function`, `tool`, `tool_function`: those that the backend reads, in the order in which
    we write them. `api`: other members of a message that are part of the API. `function_of`: the member of a
    tool that holds those of its function. `call_name`, `call_arguments`: paths inside a call. `array`: the
    member of a body that holds the messages. `tools`: that with the tools. `mark`: a hint for a prompt cache.
    `outside`: the member with instructions beside the messages. `joins_texts`: several texts are one to
    templates. `has_text_arguments`: those of a call are JSON in a text.
    """

    array: str
    tools: str
    message: tuple[str, ...]
    role: str
    content: str
    reasoning: str
    calls: str
    call_id: str
    name: str
    call: tuple[str, ...]
    function: tuple[str, ...]
    call_name: str
    call_arguments: str
    tool: tuple[str, ...]
    tool_function: tuple[str, ...]
    function_of: str
    mark: str
    outside: str = ""
    joins_texts: bool = True
    has_text_arguments: bool = True
    api: frozenset[str] = frozenset()


class Shape(Protocol):
    """How the messages of one dialect are written."""

    @property
    def names(self) -> Names:
        """Member names."""

    def write(self, message: "Message") -> RawJson:
        """A message as JSON; members that arrived keep their order."""

    def write_call(self, call: ToolCall) -> RawJson:
        """A tool call as JSON."""


_SHOWN = (TextPart, OpaquePart)  # a union is looked at ten times as long


@dataclass(frozen=True, slots=True)
class Message:
    """One element of the message array: its parts, in the order in which the model reads them.

    `keys`: member names in the order of arrival. `shape`: of the dialect that it was written in; None if it
    is never written. `is_outside`: it stands beside the message array, as a member of its own.

    `opaque` is true when the message could not be understood (a lone surrogate, a member twice, no
    object at all); then only `raw` is set and no rule touches it.

    `raw` is the message as received. Whoever changes a field drops it (core/messages.py, `changed`), so a
    message nobody changed goes out with its own bytes.
    """

    role: str | None
    parts: tuple[Part, ...] = ()
    name: str | None = None
    extra: Mapping[str, RawJson] = EMPTY
    keys: tuple[str, ...] = ()
    opaque: bool = False
    shape: Shape | None = None
    is_outside: bool = False
    raw: RawJson | None = field(default=None, compare=False, repr=False)

    # Read off the parts once: a history is looked at many times.
    content: str | tuple[Content, ...] | None = field(init=False, compare=False, repr=False)
    """What is shown, or else what its first result shows: a string if it is written as one, its parts if they
    are elements of an array; None if there is nothing of it."""
    reasoning: str | None = field(init=False, compare=False, repr=False)
    """What the model thought, if it stands in a part of its own."""
    tool_calls: tuple[ToolCall, ...] = field(init=False, compare=False, repr=False)
    """The calls, in order."""
    results: tuple[ResultPart, ...] = field(init=False, compare=False, repr=False)
    """Results of tool calls, in order."""
    tool_call_id: str | None = field(init=False, compare=False, repr=False)
    """Which call the first result answers; None if there is none, or if it does not say."""
    logical_role: str | None = field(init=False, compare=False, repr=False)
    """Who speaks: "tool" if all that is said are results of tool calls, whatever the role is called."""
    is_text: bool = field(init=False, compare=False, repr=False)
    """Whether a template renders all of it as text: a picture would be only a marker there."""

    def __post_init__(self) -> None:
        parts = self.parts
        shown = tuple([part for part in parts if isinstance(part, _SHOWN)])
        is_shown = len(shown) == len(parts)  # as most are
        results = () if is_shown else tuple([p for p in parts if isinstance(p, ResultPart)])
        thoughts = () if is_shown else [p.text for p in parts if isinstance(p, ReasoningPart)]
        calls = () if is_shown else tuple([p.call for p in parts if isinstance(p, CallPart)])
        is_result = bool(parts) and len(results) == len(parts)
        _derive(self, "content", _content(shown or (results[0].parts if results else ())))
        _derive(self, "reasoning", "\n".join(thoughts) if thoughts else None)
        _derive(self, "tool_calls", calls)
        _derive(self, "results", results)
        _derive(self, "tool_call_id", results[0].call_id if results else None)
        _derive(self, "logical_role", "tool" if is_result else self.role)
        inside = [part for result in results for part in result.parts]
        has_picture = any(isinstance(part, OpaquePart) for part in (*shown, *inside))
        _derive(self, "is_text", not (self.opaque or has_picture))


def _content(shown: tuple[Content, ...]) -> str | tuple[Content, ...] | None:
    if not shown:
        return None
    first = shown[0]
    return first.text if isinstance(first, TextPart) and first.is_bare else shown


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `definition` is its JSON as bytes; `name` is None if it could not be read."""

    name: str | None
    definition: RawJson
    shape: Shape | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a chat template can see, nothing else.

    `messages`: in the order in which templates render them; one that stands outside the message array is the
    first. `tools is None` means that the request has no tools member; `()` that it has an empty one.

    `is_plain`: it is one text that the model is given as it is, and no template renders it. Then its messages
    are the pieces of that text in order, opaque, with nothing between them.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None = None
    template_options: Mapping[str, RawJson] = EMPTY
    is_plain: bool = False

    @property
    def system(self) -> Message | None:
        """The instructions that stand outside the message array; None if there are none."""
        first = self.messages[0] if self.messages else None
        return first if first is not None and first.is_outside else None


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


LEAST_FOR_A_RATE = 32
"""A handful of tokens never reaches the speed of a batch; llama-server's first batch may be one token."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backend has come with reading a prompt, by its own report. `prompt_tokens`: all;
    `cached_tokens`: those that it had; `processed_tokens`: those that it has evaluated, in `prompt_ms`."""

    prompt_tokens: int
    cached_tokens: int
    processed_tokens: int
    prompt_ms: float

    @property
    def rest_s(self) -> float | None:
        """How many seconds the rest takes at the rate so far; None before there is one."""
        rest = self.prompt_tokens - self.cached_tokens - self.processed_tokens
        if self.processed_tokens < LEAST_FOR_A_RATE:
            return None
        return rest * self.prompt_ms / self.processed_tokens / 1000


class Finish(Enum):
    """Why a reply ended: it is an answer, it calls tools, or anything else (cut off, stopped, refused)."""

    ANSWER = "answer"
    CALLS = "calls"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the backend generated, as far as it arrived. `error`: the message of an error inside a stream.

    `complete` is true when the reply came to its own end (it said why, or that it has). `slot`: the one that it
    says it was generated in, if that slot now holds prompt and reply and nothing else. `id`: its own;
    `finish_word`: why it ended, as it says it. `progress`: how far the prompt was read, by the latest report.
    """

    message: Message | None = None
    finish: Finish | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    error: str | None = None
    complete: bool = False
    model: str | None = None
    slot: int | None = None
    id: str | None = field(default=None, compare=False)
    finish_word: str | None = field(default=None, compare=False)
    progress: Progress | None = field(default=None, compare=False)


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
