"""`POST /v1/chat/completions` and its twins: body to `Request`, changed `Prompt` to body, reply to `Reply`."""

from collections.abc import Iterable, Mapping

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import all_written
from warmprefix.core.types import Message, Prompt, RawJson, Tool
from warmprefix.core.wire.slices import (
    Span,
    elements,
    top_level,
    values_of,
    write_array,
    write_object,
)
from warmprefix.dialects.asked_progress import AskedProgress
from warmprefix.dialects.asked_usage import ASKED_USAGE
from warmprefix.dialects.base import Begun, Memory, Request
from warmprefix.dialects.bodies import (
    COMMENT,
    TEMPLATE_OPTIONS,
    error_of,
    event_of,
    is_same,
    openai_error,
    raw_members,
    request_of,
    tools_of,
    with_slot,
    written_tools,
)
from warmprefix.dialects.chat_completions.ids import CallIds
from warmprefix.dialects.chat_completions.messages import parse_message, parse_tool
from warmprefix.dialects.chat_completions.reply import ChatReader
from warmprefix.dialects.elements import cut

_ARRAY = ord("[")


class ChatCompletions:
    """The dialect of llama-server's two paths (tools/server/server.cpp:261-262) and of Lemonade's four prefixes
    (server.cpp:1104-1136)."""

    name = "chat_completions"
    paths = frozenset(
        f"{prefix}/chat/completions" for prefix in ("", "/v1", "/api/v1", "/api/v0", "/v0")
    )
    counting: frozenset[str] = frozenset()
    asked_usage = ASKED_USAGE
    asked_progress = AskedProgress(said_again=b'"role":"assistant"')
    parse_message = staticmethod(parse_message)

    def __repr__(self) -> str:
        return "ChatCompletions()"

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """It has nothing of its own: what no other dialect claims is taken for it."""
        del body
        return False

    def parse_tools(self, raw: bytes) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""
        return tuple(parse_tool(raw[start:end]) for start, end in elements(raw))

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood for what the core must not touch."""
        begun = memory.begun(body)
        inside: dict[str, list[Span]] = {"messages": list(begun.spans)}
        spans = top_level(body, inside)
        if "messages" not in spans or body[spans["messages"][0]] != _ARRAY:
            raise NotUnderstood("no array of messages")
        options = values_of(body, spans, ("messages", "tools"))
        new = inside["messages"][len(begun.spans) :]
        messages = (*begun.messages, *(memory.message(cut(body, *span)) for span in new))
        memory.keep(body, Begun(tuple(inside["messages"]), messages))
        prompt = Prompt(
            messages, tools_of(body, spans, memory), raw_members(body, spans, TEMPLATE_OPTIONS)
        )
        return request_of(self, body, spans, options, prompt)

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
        options = options or {}
        if not options and is_same(request.prompt, prompt):
            return request.body
        pairs: list[tuple[str, bytes]] = []
        for name, (start, end) in request.members.items():
            value: bytes | None
            if name == "messages":
                value = _write_messages(prompt)
            elif name == "tools":
                value = None if prompt.tools is None else written_tools(prompt.tools)
            elif name in options:
                value = options[name]
            else:
                value = request.body[start:end]
            if value is not None:
                pairs.append((name, value))
        pairs += ((k, v) for k, v in options.items() if k not in request.members and v is not None)
        if prompt.tools and "tools" not in request.members:
            pairs.append(("tools", written_tools(prompt.tools)))
        return write_object(pairs)

    def with_slot(self, body: bytes, slot: int) -> bytes:
        """The body with a slot asked for; every other byte as it is."""
        return with_slot(body, slot)

    def as_chat(self, prompt: Prompt) -> bytes:
        """A body that holds the prompt and nothing else, to have it rendered."""
        pairs = [
            ("messages", _write_messages(prompt)),
            ("tools", None if prompt.tools is None else written_tools(prompt.tools)),
            *prompt.template_options.items(),
        ]
        return write_object((name, value) for name, value in pairs if value is not None)

    def reader(self, stream: bool) -> ChatReader:
        """A reader for the reply, which is a stream or not."""
        return ChatReader(stream)

    def reply_ids(self, messages: Iterable[Message], seed: str) -> CallIds:
        """What makes the ids of the reply's calls unique."""
        return CallIds(messages, seed)

    def backend_error(self, status: int) -> None:
        """Errors of the backend are left alone."""
        del status

    def error(self, status: int, kind: str, message: str) -> bytes:
        """An error in OpenAI's shape, with llama-server's numeric `code`."""
        return openai_error(status, kind, message)

    @property
    def still_reading(self) -> bytes:
        """A comment."""
        return COMMENT

    def error_event(self, status: int, body: bytes) -> bytes:
        """As llama-server sends it within a stream: an event whose data has `error`."""
        return event_of(error_of(status, body))


CHAT = ChatCompletions()


def _write_messages(prompt: Prompt) -> bytes:
    return write_array(all_written(prompt.messages))
