"""What the endpoints that carry prompts have in common: the seam between wire shapes and the rest.

A dialect turns one endpoint's bodies into core values and back, and reads its replies. Nobody outside this
folder knows the name of a member, and nobody but `dialects/__init__.py` imports a dialect.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from warmprefix.core.types import Message, Progress, Prompt, RawJson, Reply, Tool
from warmprefix.core.wire.slices import Span


@dataclass(frozen=True, slots=True)
class Request:
    """One request body, parsed. `options`: every other member of the body, decoded, for reading only.

    `body` is what arrived; `members` are the spans of its top-level values, by name. `has_slot`: the client has
    chosen a slot itself; `takes_slot`: the endpoint lets one be chosen; `reuses`: the backend may use its cache
    for it; `is_side`: what the endpoint is there for is a client's housekeeping. `read_as`: what the dialect
    had to read in another form than `body` has, by name; then `body` is never what is rendered.
    """

    dialect: "Dialect"
    model: str | None
    prompt: Prompt
    options: Mapping[str, object]
    stream: bool
    body: bytes
    members: Mapping[str, Span]
    has_slot: bool = False
    takes_slot: bool = True
    reuses: bool = True
    is_side: bool = False
    read_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """Messages at the beginning of a body's array, and where each of them stands in it."""

    spans: tuple[Span, ...]
    messages: tuple[Message, ...]


NOT_BEGUN = Begun((), ())


class Memory(Protocol):
    """What was parsed before: a history is mostly old."""

    def message(self, raw: bytes, /) -> Message:
        """One message. Raises NotUnderstood."""

    def tools(self, raw: bytes, /) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""

    def begun(self, body: bytes, /) -> Begun:
        """The first messages of a body that begins as an earlier one did."""

    def keep(self, body: bytes, begun: Begun, /) -> None:
        """Remember the messages of a body."""


MAX_BODY = 64 * 1024 * 1024  # a reply beyond this is relayed but no longer read


class ReplyReader(Protocol):
    """Reads a copy of one reply's bytes while they pass."""

    done: bool
    """Whether the reply has come to its own end."""
    has_output: bool
    """Whether anything generated (text, reasoning or a call) has arrived."""
    progress: Progress | None
    """How far the prompt was read, by the latest report."""

    @property
    def pending_bytes(self) -> int:
        """How much has come of an event of a stream that is not complete."""

    def feed(self, piece: bytes) -> None:
        """Read a piece of the reply's body."""

    def finish(self) -> Reply:
        """The reply when no more bytes will come."""


class StreamEdit(Protocol):
    """Changes one reply's stream while it passes."""

    @property
    def held(self) -> bytes:
        """What was not passed on yet."""

    def piece(self, piece: bytes) -> bytes:
        """What can be passed on after `piece`."""

    def end(self) -> bytes:
        """What is still to be passed on when no more will come."""


class ReplyIds(StreamEdit, Protocol):
    """Makes the ids of one reply's tool calls unique within its conversation."""

    def body(self, body: bytes) -> bytes:
        """A whole reply; the same object if nothing had to be changed."""


class Asked(Protocol):
    """Has the backend say something in a stream that its client has not asked for."""

    @property
    def reason(self) -> str:
        """The reason under which its failures are counted."""

    def asking(self, request: Request, body: bytes) -> bytes | None:
        """`body`, which is sent for `request`, with the question; None if there is nothing to ask."""

    def without(self) -> StreamEdit:
        """What takes the answer out of the stream again."""


Reword = Callable[[bytes], bytes]
"""The body of an error in other words; the same object if it is left alone."""


class Dialect(Protocol):
    """One endpoint's wire shape."""

    @property
    def name(self) -> str:
        """In the log and in the ledger."""

    @property
    def paths(self) -> frozenset[str]:
        """Where it is spoken."""

    @property
    def counting(self) -> frozenset[str]:
        """Where such a body is sent to have its tokens counted: nothing is evaluated, and there is no turn."""

    @property
    def asked_usage(self) -> Asked | None:
        """How the counts of a stream are asked for; None if the endpoint gives them anyway, or never."""

    @property
    def asked_progress(self) -> Asked | None:
        """How it is asked how far the prompt is read; None if the endpoint never says it, or takes no option of
        ours."""

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """Whether a decoded body, whose endpoint is not known, has what only bodies of this one have."""

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood for what the core must not touch."""

    def parse_message(self, raw: bytes) -> Message:
        """One message. Raises NotUnderstood."""

    def parse_tools(self, raw: bytes) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""

    def render(
        self,
        request: Request,
        prompt: Prompt,
        options: Mapping[str, RawJson | None] | None = None,
    ) -> bytes:
        """The body that carries `prompt` instead of the request's own, every other byte kept.

        `options` replaces (or, with None, drops) other top-level members. If nothing differs the received body
        is returned as it is.
        """

    def with_slot(self, body: bytes, slot: int) -> bytes | None:
        """The body with a slot asked for; None if this endpoint takes none."""

    def as_chat(self, prompt: Prompt) -> bytes:
        """A chat completion that holds the prompt and nothing else, to have it rendered."""

    def reader(self, stream: bool) -> ReplyReader:
        """A reader for the reply, which is a stream or not."""

    def reply_ids(self, messages: Iterable[Message], seed: str) -> ReplyIds | None:
        """What makes the ids of the reply unique; None if its ids are left alone."""

    def backend_error(self, status: int) -> Reword | None:
        """What puts an error of the backend into words that the endpoint's clients act on; None if errors of
        this status are left alone."""

    def error(self, status: int, kind: str, message: str) -> bytes:
        """An error of our own, in the shape that the endpoint's clients read."""

    @property
    def still_reading(self) -> bytes:
        """What a stream may say between two events, or before the first, while it has nothing to say."""

    def error_event(self, status: int, body: bytes) -> bytes:
        """The body of an answer with an error status, the backend's or ours, as an event of a stream whose head
        has already said 200."""


def read_reply(dialect: Dialect, body: bytes) -> Reply:
    """What a reply said that has come to its end: a stream, unless it begins as a JSON object."""
    reader = dialect.reader(not body.lstrip().startswith(b"{"))
    reader.feed(body)
    return reader.finish()


class NoMemory:
    """Nothing was parsed before."""

    def __init__(self, dialect: Dialect) -> None:
        self.message = dialect.parse_message
        self.tools = dialect.parse_tools

    def begun(self, _: bytes) -> Begun:
        """Nothing is known."""
        return NOT_BEGUN

    def keep(self, _: bytes, __: Begun) -> None:
        """Nothing is kept."""
