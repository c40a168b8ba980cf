"""`POST /v1/chat/completions` and its twins: body to `Request`, changed `Prompt` to body, reply to `Reply`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Message, Prompt, RawJson, Request, Tool
from warmprefix.core.wire.slices import (
    Span,
    blank_end,
    decode,
    elements,
    members,
    write_message,
    write_object,
)
from warmprefix.dialects.chat_reply import ChatReader
from warmprefix.dialects.messages_in import parse_message, parse_tool

__all__ = [
    "NAME",
    "NOT_BEGUN",
    "PATHS",
    "TEMPLATE_OPTIONS",
    "Begun",
    "Memory",
    "parse",
    "parse_tool",
    "parse_tools",
    "prompt_body",
    "reader",
    "render",
    "with_slot",
]

NAME = "chat_completions"
PATHS = frozenset(
    f"{prefix}/chat/completions" for prefix in ("", "/v1", "/api/v1", "/api/v0", "/v0")
)
"""llama-server's two (tools/server/server.cpp:261-262) and Lemonade's four prefixes (server.cpp:1104-1136)."""

TEMPLATE_OPTIONS = (
    "chat_template_kwargs",
    "reasoning_effort",
    "enable_thinking",
    "thinking",
    "add_generation_prompt",
    "continue_final_message",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "chat_template",
)
"""Members besides messages and tools that a template, or what llama-server hands it, can depend on."""


_ARRAY = ord("[")


def parse_tools(raw: bytes) -> tuple[Tool, ...]:
    """The tools in an array. Raises NotUnderstood."""
    return tuple(parse_tool(raw[start:end]) for start, end in elements(raw))


@dataclass(frozen=True, slots=True)
class Begun:
    """Messages at the beginning of a body's array, and where each of them stands in it."""

    spans: tuple[Span, ...]
    messages: tuple[Message, ...]


NOT_BEGUN = Begun((), ())


class Memory(Protocol):
    """What was parsed before: a history is mostly old."""

    def message(self, raw: bytes) -> Message:
        """One message. Raises NotUnderstood."""

    def tools(self, raw: bytes) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""

    def begun(self, body: bytes, /) -> Begun:
        """The first messages of a body that begins as an earlier one did."""

    def keep(self, body: bytes, begun: Begun, /) -> None:
        """Remember the messages of a body."""


class _NoMemory:
    """Nothing was parsed before."""

    message = staticmethod(parse_message)
    tools = staticmethod(parse_tools)

    def begun(self, _: bytes) -> Begun:
        """Nothing is known."""
        return NOT_BEGUN

    def keep(self, _: bytes, __: Begun) -> None:
        """Nothing is kept."""


_NO_MEMORY = _NoMemory()


def parse(body: bytes, memory: Memory = _NO_MEMORY) -> Request:
    """The request in `body`. Raises NotUnderstood for what the core must not touch."""
    begun = memory.begun(body)
    inside: dict[str, list[Span]] = {"messages": list(begun.spans)}
    spans = members(body, start := blank_end(body, 0), inside)
    end = max((stop for _, stop in spans.values()), default=start)
    if blank_end(body, blank_end(body, end) + 1) != len(body):
        raise NotUnderstood("text after the JSON object")
    if "messages" not in spans or body[spans["messages"][0]] != _ARRAY:
        raise NotUnderstood("no array of messages")
    options = {
        name: decode(body[first:last])
        for name, (first, last) in spans.items()
        if name not in ("messages", "tools")
    }
    new = inside["messages"][len(begun.spans) :]
    messages = (*begun.messages, *(memory.message(body[first:last]) for first, last in new))
    memory.keep(body, Begun(tuple(inside["messages"]), messages))
    prompt = Prompt(
        messages=messages,
        tools=_tools(body, spans, memory),
        template_options={
            name: RawJson(body[spans[name][0] : spans[name][1]])
            for name in TEMPLATE_OPTIONS
            if name in spans
        },
    )
    model = options.get("model")
    return Request(
        dialect=NAME,
        model=model if isinstance(model, str) else None,
        prompt=prompt,
        options=options,
        stream=options.get("stream") is True,
        body=body,
        members=spans,
    )


def _tools(body: bytes, spans: Mapping[str, Span], memory: Memory) -> tuple[Tool, ...] | None:
    if "tools" not in spans:
        return None
    first, last = spans["tools"]
    if body[first:last] == b"null":
        return ()
    return memory.tools(body[first:last])


def render(
    request: Request, prompt: Prompt, options: Mapping[str, RawJson | None] | None = None
) -> bytes:
    """The body that carries `prompt` instead of the request's own, every other byte kept.

    `options` replaces (or, with None, drops) other top-level members. Where nothing differs the
    received body is returned as it is.
    """
    options = options or {}
    if not options and _same(request.prompt, prompt):
        return request.body
    pairs: list[tuple[str, bytes]] = []
    for name, (start, end) in request.members.items():
        value: bytes | None = request.body[start:end]
        if name == "messages":
            value = b"[" + b",".join(map(write_message, prompt.messages)) + b"]"
        elif name == "tools":
            value = _write_tools(prompt.tools)
        elif name in options:
            value = options[name]
        if value is not None:
            pairs.append((name, value))
    pairs += ((k, v) for k, v in options.items() if k not in request.members and v is not None)
    if prompt.tools and "tools" not in request.members:
        pairs.append(("tools", _write_tools(prompt.tools) or b"[]"))
    return write_object(pairs)


def with_slot(body: bytes, slot: int) -> bytes:
    """The body with a slot asked for; every other byte as it is."""
    end = body.rindex(b"}")
    return body[:end] + b',"id_slot":%d' % slot + body[end:]


def prompt_body(prompt: Prompt) -> bytes:
    """A body that holds the prompt and nothing else, to have it rendered."""
    pairs = [
        ("messages", b"[" + b",".join(map(write_message, prompt.messages)) + b"]"),
        ("tools", _write_tools(prompt.tools)),
        *prompt.template_options.items(),
    ]
    return write_object((name, value) for name, value in pairs if value is not None)


def _same(before: Prompt, after: Prompt) -> bool:
    """Whether no message and no tool became another object: rules return what they do not change."""
    return (
        before.tools is after.tools
        and len(before.messages) == len(after.messages)
        and all(a is b for a, b in zip(before.messages, after.messages, strict=True))
    )


def _write_tools(tools: tuple[Tool, ...] | None) -> bytes | None:
    if tools is None:
        return None
    return b"[" + b",".join(tool.definition for tool in tools) + b"]"


def reader(stream: bool) -> ChatReader:
    """A reader for the reply to a request that did (or did not) ask for a stream."""
    return ChatReader(stream)
