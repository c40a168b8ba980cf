"""`POST /v1/responses`: body to `Request`, changed `Prompt` to body, reply to `Reply`."""

from collections.abc import Iterable, Mapping

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import all_written, written
from warmprefix.core.types import Message, Prompt, RawJson, Tool
from warmprefix.core.wire.slices import (
    Span,
    elements,
    members,
    string,
    top_level,
    values_of,
    write_array,
    write_object,
)
from warmprefix.dialects.asked_progress import AskedProgress
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
from warmprefix.dialects.elements import cut
from warmprefix.dialects.reader import error_text
from warmprefix.dialects.responses.as_chat import EFFORT, as_chat
from warmprefix.dialects.responses.items import (
    is_reply,
    parse_instructions,
    parse_item,
    parse_message,
    parse_question,
    parse_tool,
)
from warmprefix.dialects.responses.reply import ResponsesReader

_PROMPT = frozenset({"input", "instructions", "tools"})
_ELSEWHERE = ("previous_response_id", "conversation")  # the backend alone knows what is before
_ARRAY, _TEXT, _OBJECT = b"[", b'"', b"{"


class Responses:
    """The dialect of llama-server's two paths (tools/server/server.cpp) and of Lemonade's four prefixes
    (server.cpp:1104-1136)."""

    name = "responses"
    paths = frozenset(f"{prefix}/responses" for prefix in ("", "/v1", "/api/v1", "/api/v0", "/v0"))
    counting = frozenset(f"{path}/input_tokens" for path in paths)
    asked_usage = None
    asked_progress = AskedProgress()
    parse_message = staticmethod(parse_message)

    def __repr__(self) -> str:
        return "Responses()"

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood for what the core must not touch."""
        begun = memory.begun(body)
        inside: dict[str, list[Span]] = {"input": list(begun.spans)}
        spans = top_level(body, inside)
        options = values_of(body, spans, _PROMPT)
        if any(options.get(name) for name in _ELSEWHERE):
            raise NotUnderstood("continues what only the backend has")
        new = inside["input"][len(begun.spans) :]
        messages = (
            *_instructions(body, spans, memory),
            *_input(body, spans, begun, new, memory),
        )
        prompt = Prompt(messages, tools_of(body, spans, memory), _template_options(body, spans))
        return request_of(self, body, spans, options, prompt)

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """It alone calls the history `input`."""
        return "input" in body and "messages" not in body

    def parse_tools(self, raw: bytes) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""
        return tuple(parse_tool(raw[start:end]) for start, end in elements(raw))

    def render(
        self,
        request: Request,
        prompt: Prompt,
        options: Mapping[str, RawJson | None] | None = None,
    ) -> bytes:
        """The body that carries `prompt` instead of the request's own, every other byte kept.

        Options are those of chat completions: nothing of them is read here.
        """
        del options
        if is_same(request.prompt, prompt):
            return request.body
        values = _changed_values(request, prompt)
        pairs: list[tuple[str, bytes]] = []
        for name, (first, last) in request.members.items():
            value = values[name] if name in values else request.body[first:last]
            if value is not None:
                pairs.append((name, value))
        return write_object(pairs)

    def with_slot(self, body: bytes, slot: int) -> bytes:
        """The body with a slot asked for; every other byte as it is. llama-server copies it to the chat
        completion that it makes."""
        return with_slot(body, slot)

    def as_chat(self, prompt: Prompt) -> bytes:
        """The chat completion that llama-server makes of it."""
        return as_chat(prompt)

    def reader(self, stream: bool) -> ResponsesReader:
        """A reader for the reply, which is a stream or not."""
        return ResponsesReader(stream)

    def reply_ids(self, messages: Iterable[Message], seed: str) -> None:
        """Its ids are left alone: no backend is known that repeats them here."""
        del messages, seed

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
        """`response.failed`, on which Codex acts, with the `error` that OpenAI's SDK looks for in any event."""
        members = error_of(status, body)
        error = members["error"]
        told = {"code": "server_error", "message": error_text(error)}
        response = {"id": "", "object": "response", "status": "failed", "error": told, "output": []}
        failed = {"type": "response.failed", "sequence_number": 0, "response": response}
        return event_of({**failed, "error": error}, "response.failed")


RESPONSES = Responses()


def _instructions(body: bytes, spans: Mapping[str, Span], memory: Memory) -> tuple[Message, ...]:
    """llama-server shows a template an empty text if they are null."""
    if "instructions" not in spans:
        return ()
    raw = body[slice(*spans["instructions"])]
    if raw == b"null":
        return (parse_instructions(b'""'),)
    message = memory.message(raw)
    if not message.is_outside:
        raise NotUnderstood("instructions that are no text")
    return (message,)


def _input(
    body: bytes, spans: Mapping[str, Span], begun: Begun, new: list[Span], memory: Memory
) -> tuple[Message, ...]:
    """The messages in `input`. `new`: its items behind those that are known."""
    start, end = spans.get("input", (0, 0))
    first = body[start : start + 1]
    if first == _TEXT:
        return (parse_question(body[start:end]),)
    if first != _ARRAY:
        raise NotUnderstood("no input")
    found = _grouped(body, begun, new, memory)
    memory.keep(body, found)
    return found.messages


def _grouped(body: bytes, begun: Begun, new: list[Span], memory: Memory) -> Begun:
    """All messages: items in a row that the assistant said are one."""
    spans, messages = list(begun.spans), list[Message | None](begun.messages)
    goes_on = bool(begun.messages) and is_reply(begun.messages[-1])
    for start, end in new:
        message = parse_item(cut(body, start, end), memory.message)
        if goes_on and is_reply(message):
            spans[-1], messages[-1] = (spans[-1][0], end), None
        else:
            spans.append((start, end))
            messages.append(message)
        goes_on = is_reply(message)
    whole = (
        memory.message(body[slice(*span)]) if message is None else message
        for span, message in zip(spans, messages, strict=True)
    )
    return Begun(tuple(spans), tuple(whole))


def _template_options(body: bytes, spans: Mapping[str, Span]) -> dict[str, RawJson]:
    found = raw_members(body, spans, TEMPLATE_OPTIONS)
    raw = body[slice(*spans.get("reasoning", (0, 0)))]
    inner = members(raw) if raw.startswith(_OBJECT) else {}
    if "effort" in inner:
        found[EFFORT] = RawJson(raw[slice(*inner["effort"])])
    return found


def _changed_values(request: Request, prompt: Prompt) -> dict[str, bytes | None]:
    """The members that carry the prompt and are not as they came; None if one is to go."""
    before, system = request.prompt, prompt.system
    inside = prompt.messages if system is None else prompt.messages[1:]
    start = request.members["input"][0]
    is_text = request.body[start : start + 1] == _TEXT
    values: dict[str, bytes | None] = {"input": _written_input(inside, is_text=is_text)}
    if system is not None and system is not before.system:
        values["instructions"] = written(system)
    if prompt.tools is not before.tools:
        values["tools"] = None if prompt.tools is None else written_tools(prompt.tools)
    return values


def _written_input(messages: tuple[Message, ...], *, is_text: bool) -> bytes:
    """An array; a text if that is what it was, and still is enough."""
    only = messages[0] if is_text and len(messages) == 1 else None
    if only is not None and only.role == "user" and isinstance(only.content, str):
        return string(only.content)
    return write_array(all_written(messages))
