"""What dialects do alike with a body: its tools and slot, and whether anything of it was changed."""

from collections.abc import Iterable, Mapping

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.core.wire.slices import Span, top_level, write_array
from warmprefix.dialects.base import Dialect, Memory, Request

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

SLOT = "id_slot"


def tools_of(body: bytes, spans: Mapping[str, Span], memory: Memory) -> tuple[Tool, ...] | None:
    """The tools of a body: None if it has no such member, none if that is null. Raises NotUnderstood."""
    if "tools" not in spans:
        return None
    raw = body[slice(*spans["tools"])]
    return () if raw == b"null" else memory.tools(raw)


def written_tools(tools: tuple[Tool, ...]) -> bytes:
    """An array of them."""
    return write_array(tool.definition for tool in tools)


def is_same(before: Prompt, after: Prompt) -> bool:
    """Whether no message and no tool became another object: rules return what they do not change."""
    return (
        before.tools is after.tools
        and len(before.messages) == len(after.messages)
        and all(a is b for a, b in zip(before.messages, after.messages, strict=True))
    )


def request_of(
    dialect: Dialect,
    body: bytes,
    spans: Mapping[str, Span],
    options: Mapping[str, object],
    prompt: Prompt,
) -> Request:
    """The request in a body, with what all call alike: model, stream, slot and cache switch."""
    model = options.get("model")
    return Request(
        dialect=dialect,
        model=model if isinstance(model, str) else None,
        prompt=prompt,
        options=options,
        stream=options.get("stream") is True,
        body=body,
        members=spans,
        has_slot=SLOT in spans,
        reuses=options.get("cache_prompt") is not False,
    )


def raw_members(body: bytes, spans: Mapping[str, Span], names: Iterable[str]) -> dict[str, RawJson]:
    """Those of `names` that are there, as they came, in the order of `names`."""
    return {name: RawJson(body[slice(*spans[name])]) for name in names if name in spans}


def with_slot(body: bytes, slot: int) -> bytes:
    """The body with a slot asked for; every other byte as it is."""
    return with_member(body, SLOT, b"%d" % slot)


def with_member(body: bytes, name: str, value: bytes) -> bytes:
    """The body with one more member, which it does not have yet; every other byte as it is."""
    end = body.rindex(b"}")
    return b'%b,"%b":%b%b' % (body[:end], name.encode(), value, body[end:])


def with_question(dialect: Dialect, body: bytes, text: str) -> bytes:
    """The body with one more message of the user; every other byte as it is. It may have no messages yet.

    Raises NotUnderstood.
    """
    question = orjson.dumps({"role": "user", "content": text})
    shape = dialect.parse_message(question).shape
    array = shape.names.array if shape is not None else ""
    spans = top_level(body)
    if array in spans:
        start, end = spans[array]
        if body[start:end][:1] != b"[":
            raise NotUnderstood(f"{array} is no list")
        comma = b"," if body[start + 1 : end - 1].strip() else b""
        return body[: end - 1] + comma + question + body[end - 1 :]
    return with_member(body, array, b"[%b]" % question)


COMMENT = b":\n\n"
"""Says nothing: every reader of event streams skips it (WHATWG HTML, 9.2.6). llama-server sends the same after
30 seconds of silence."""


def error_of(status: int, body: bytes) -> dict[str, object]:
    """The members of an error's body, an object `error` among them; made of its text if it has none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        return value
    text = body.decode("utf-8", "replace") or f"the backend answered with status {status}"
    made: dict[str, object] = orjson.loads(openai_error(status, "backend_error", text))
    return made


def event_of(value: object, name: str = "") -> bytes:
    """An event with this data."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(value) + b"\n\n"


def openai_error(status: int, kind: str, message: str) -> bytes:
    """An error in OpenAI's shape, with llama-server's numeric `code`."""
    return orjson.dumps(
        {"error": {"message": message, "type": kind, "param": None, "code": status}}
    )
