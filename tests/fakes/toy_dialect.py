"""An invented dialect: lines of text, one for each message. It shows what it takes to add a dialect."""

from collections.abc import Iterable, Mapping

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import shown_parts, written
from warmprefix.core.types import (
    CacheStats,
    Finish,
    Message,
    Names,
    Progress,
    Prompt,
    RawJson,
    Reply,
    Timings,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.slices import Span, decode, elements, members, string, write_object
from warmprefix.dialects.base import Memory, Request

PATH = "/toy/talk"
_NAMES = Names(
    array="lines",
    tools="",
    message=("who", "says"),
    role="who",
    content="says",
    reasoning="",
    calls="",
    call_id="",
    name="",
    call=(),
    function=(),
    call_name="",
    call_arguments="",
    tool=(),
    tool_function=(),
    function_of="",
    mark="",
)
_ROLES = {"me": "user", "you": "assistant"}


class ToyShape:
    """`{"who": "me", "says": "..."}`."""

    names = _NAMES

    def write(self, message: Message) -> RawJson:
        """A line."""
        who = next(name for name, role in _ROLES.items() if role == message.role)
        return RawJson(write_object((("who", string(who)), ("says", string(str(message.content))))))

    def write_call(self, call: ToolCall) -> RawJson:
        """There are no calls."""
        raise NotImplementedError(call)


SHAPE = ToyShape()


class ToyReader:
    """Reads `{"said": "...", "read": 7, "knew": 5}`."""

    def __init__(self) -> None:
        self.done = self.has_output = False
        self.progress: Progress | None = None
        self._body = b""
        self.pending_bytes = 0

    def feed(self, piece: bytes) -> None:
        """Read a piece of the reply's body."""
        self._body += piece
        self.has_output = True

    def finish(self) -> Reply:
        """The reply, once no more bytes will come."""
        value = orjson.loads(self._body)
        message = Message("assistant", shown_parts(value["said"]), shape=SHAPE)
        counts = CacheStats(cached_tokens=value["knew"], processed_tokens=value["read"])
        timings = Timings(counts.cached_tokens, counts.processed_tokens)
        self.done = True
        return Reply(message, Finish.ANSWER, timings=timings, complete=True)


class Toy:
    """The dialect."""

    name = "toy"
    paths = frozenset({PATH})
    counting: frozenset[str] = frozenset()
    asked_usage = None
    asked_progress = None

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """It alone has lines."""
        return "lines" in body

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood."""
        spans = members(body)
        if "lines" not in spans:
            raise NotUnderstood("no lines")
        lines = elements(body, spans["lines"][0])
        messages = tuple(memory.message(body[start:end]) for start, end in lines)
        prompt = Prompt(messages)
        return Request(
            self, None, prompt, {}, stream=False, body=body, members=spans, takes_slot=False
        )

    def parse_message(self, raw: bytes) -> Message:
        """A line. Raises NotUnderstood."""
        value = decode(raw)
        parts = shown_parts(value["says"])
        return Message(_ROLES[value["who"]], parts, shape=SHAPE, raw=RawJson(raw))

    def parse_tools(self, raw: bytes) -> tuple[Tool, ...]:
        """There are none."""
        return tuple(Tool(None, RawJson(raw[slice(*span)])) for span in elements(raw))

    def render(
        self,
        request: Request,
        prompt: Prompt,
        options: Mapping[str, RawJson | None] | None = None,
    ) -> bytes:
        """The body with other lines."""
        del options
        if prompt.messages == request.prompt.messages:
            return request.body
        lines = b"[" + b",".join(map(written, prompt.messages)) + b"]"
        return write_object(
            (name, _value(request, name, span, lines)) for name, span in request.members.items()
        )

    def with_slot(self, body: bytes, slot: int) -> bytes | None:
        """It takes none."""
        del body, slot
        return None

    def as_chat(self, prompt: Prompt) -> bytes:
        """A chat completion with the same lines."""
        chat = [{"role": m.role, "content": m.content} for m in prompt.messages]
        return orjson.dumps({"messages": chat})

    def reader(self, stream: bool) -> ToyReader:
        """Nothing is streamed."""
        del stream
        return ToyReader()

    def reply_ids(self, messages: Iterable[Message], seed: str) -> None:
        """There are no ids."""
        del messages, seed

    def backend_error(self, status: int) -> None:
        """Errors of the backend are left alone."""
        del status

    def error(self, status: int, kind: str, message: str) -> bytes:
        """`{"sorry": "..."}`."""
        del status, kind
        return orjson.dumps({"sorry": message})

    @property
    def still_reading(self) -> bytes:
        """Nothing is streamed, so nobody is told."""
        return b""

    def error_event(self, status: int, body: bytes) -> bytes:
        """Nothing is streamed."""
        del status
        return b"data: " + body + b"\n\n"


TOY = Toy()


def _value(request: Request, name: str, span: Span, lines: bytes) -> bytes:
    return lines if name == "lines" else request.body[slice(*span)]
