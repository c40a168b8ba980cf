"""`POST /v1/chat/completions` and its twins: body to `Request`, changed `Prompt` to body, reply to `Reply`."""

from collections.abc import Callable, Mapping

from proxy.core.errors import NotUnderstood
from proxy.core.types import Message, Prompt, RawJson, Request, Tool
from proxy.core.wire import Span, blank_end, decode, elements, members, write_message, write_object
from proxy.dialects.chat_reply import ChatReader
from proxy.dialects.messages_in import parse_message, parse_tool

__all__ = [
    "NAME",
    "PATHS",
    "TEMPLATE_OPTIONS",
    "parse",
    "parse_tool",
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


def parse(
    body: bytes,
    message_of: Callable[[bytes], Message] = parse_message,
    tools_of: Callable[[bytes], tuple[Tool, ...]] = parse_tools,
) -> Request:
    """The request in `body`. Raises NotUnderstood for what the core must not touch.

    `message_of` and `tools_of` may remember what they have parsed before: a history is mostly old.
    """
    inside: dict[str, list[Span]] = {"messages": []}
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
    prompt = Prompt(
        messages=tuple(message_of(body[first:last]) for first, last in inside["messages"]),
        tools=_tools(body, spans, tools_of),
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


def _tools(
    body: bytes, spans: Mapping[str, Span], tools_of: Callable[[bytes], tuple[Tool, ...]]
) -> tuple[Tool, ...] | None:
    if "tools" not in spans:
        return None
    first, last = spans["tools"]
    if body[first:last] == b"null":
        return ()
    return tools_of(body[first:last])


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
