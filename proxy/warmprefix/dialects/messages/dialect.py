"""`POST /v1/messages`: body to `Request`, changed `Prompt` to body, reply to `Reply`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import all_written, written
from warmprefix.core.types import Message, Prompt, RawJson, Tool
from warmprefix.core.wire.slices import (
    Span,
    elements,
    top_level,
    values_of,
    write_array,
    write_object,
)
from warmprefix.dialects.base import Begun, Memory, Request, Reword
from warmprefix.dialects.bodies import (
    error_of,
    event_of,
    is_same,
    raw_members,
    request_of,
    tools_of,
    written_tools,
)
from warmprefix.dialects.elements import check_json, cut
from warmprefix.dialects.messages.as_chat import as_chat
from warmprefix.dialects.messages.blocks import (
    parse_element,
    parse_message,
    parse_tool,
    results_first,
)
from warmprefix.dialects.messages.errors import prompt_too_long
from warmprefix.dialects.messages.reply import MessagesReader

TEMPLATE_OPTIONS = ("chat_template_kwargs", "tool_choice")
"""Members that pass llama-server's conversion to a chat completion and reach a template."""

RESULTS_FIRST = "results-first"
"""In the log: a message was read as two, see `results_first`."""

_ARRAY = ord("[")
_OWN_MEMBERS = frozenset({"system", "stop_sequences", "output_config", "context_management"})
_PROMPT = frozenset({"messages", "system", "tools"})


class Messages:
    """The dialect. llama-server drops a slot that is asked for (`id_slot`) and the cache's switch here."""

    name = "messages"
    paths = frozenset(f"{prefix}/messages" for prefix in ("/v1", "/api/v1", "/v0", "/api/v0"))
    counting = frozenset(f"{path}/count_tokens" for path in paths)
    asked_usage = None
    asked_progress = None
    parse_message = staticmethod(parse_message)

    def __repr__(self) -> str:
        return "Messages()"

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """Instructions or stop texts as it alone calls them, its tools, or calls and results as blocks."""
        tools, messages = body.get("tools"), body.get("messages")
        return (
            not _OWN_MEMBERS.isdisjoint(body)
            or any("input_schema" in tool for tool in _objects(tools))
            or any(
                block.get("type") in ("tool_use", "tool_result")
                for message in _objects(messages)
                for block in _objects(message.get("content"))
            )
        )

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood for what the core must not touch."""
        begun = memory.begun(body)
        inside: dict[str, list[Span]] = {"messages": list(begun.spans)}
        spans = top_level(body, inside)
        if "messages" not in spans or body[spans["messages"][0]] != _ARRAY:
            raise NotUnderstood("no array of messages")
        options = values_of(body, spans, _PROMPT)
        new = inside["messages"][len(begun.spans) :]
        read = [parse_element(cut(body, *span), memory.message) for span in new]
        whole = (*begun.messages, *read)
        memory.keep(body, Begun(tuple(inside["messages"]), whole))
        messages = tuple(one for element in whole for one in results_first(element))
        prompt = Prompt(
            (*_system(body, spans, memory), *messages),
            tools_of(body, spans, memory),
            raw_members(body, spans, TEMPLATE_OPTIONS),
        )
        return replace(
            request_of(self, body, spans, options, prompt),
            takes_slot=False,
            has_slot=False,
            reuses=True,
            read_as=(RESULTS_FIRST,) if len(messages) > len(whole) else (),
        )

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
        if is_same(request.prompt, prompt) and not request.read_as:
            return request.body
        system = prompt.system
        inside = prompt.messages if system is None else prompt.messages[1:]
        values: dict[str, bytes | None] = {
            "messages": write_array(all_written(inside)),
            "tools": None if prompt.tools is None else written_tools(prompt.tools),
        }
        if system is not None:
            values["system"] = written(system)
        pairs: list[tuple[str, bytes]] = []
        for name, (start, end) in request.members.items():
            value = values[name] if name in values else request.body[start:end]
            if value is not None:
                pairs.append((name, value))
        return write_object(pairs)

    def with_slot(self, body: bytes, slot: int) -> bytes | None:
        """It takes none."""
        del body, slot
        return None

    def as_chat(self, prompt: Prompt) -> bytes:
        """The chat completion that llama-server makes of it."""
        return as_chat(prompt)

    def reader(self, stream: bool) -> MessagesReader:
        """A reader for the reply, which is a stream or not."""
        return MessagesReader(stream)

    def reply_ids(self, messages: Iterable[Message], seed: str) -> None:
        """Its ids are left alone: no backend is known that repeats them here."""
        del messages, seed

    def backend_error(self, status: int) -> Reword | None:
        """Says of a prompt that is too long what makes a client shorten it."""
        return prompt_too_long if status == 400 else None

    def error(self, status: int, kind: str, message: str) -> bytes:
        """An error as clients of this API read it (https://docs.anthropic.com/en/api/errors)."""
        del status
        return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})

    @property
    def still_reading(self) -> bytes:
        """The event that this API has for it (https://docs.anthropic.com/en/api/messages-streaming)."""
        return event_of({"type": "ping"}, "ping")

    def error_event(self, status: int, body: bytes) -> bytes:
        """The event that this API has for it."""
        return event_of({"type": "error", "error": error_of(status, body)["error"]}, "error")


MESSAGES = Messages()


def _system(body: bytes, spans: Mapping[str, Span], memory: Memory) -> tuple[Message, ...]:
    raw = body[slice(*spans["system"])] if "system" in spans else b""
    if raw[:1] in (b'"', b"["):
        return (memory.message(raw),)
    if raw:
        check_json(raw)
    return ()


def _objects(value: object) -> list[dict[str, object]]:
    """The objects in what should be an array of them."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
