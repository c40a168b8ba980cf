"""What a request body says, read by Python's own parser: the judge of what the proxy writes.

Only what docs/rules.md names may differ between what is received and what is sent: blanks at the
edges of texts, how empty things are written, order of members, bookkeeping, order of parallel results.
Coarser than the rules: all JSON white space inside texts is left out too.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

BILLING = re.compile(r"(?:\s*x-anthropic-billing-header:[^\n]*?(?=You are |\n|\Z))+")
BLANKS = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is spelled."""

    text: str


def lenient(data: bytes) -> Any:
    """The value of JSON text, numbers as they are spelled; None for what is not JSON.

    Raises RecursionError for nesting that Python does not read.
    """
    try:
        return json.loads(
            data.decode("utf-8", "surrogatepass"),
            parse_int=Number,
            parse_float=Number,
            parse_constant=Number,
        )
    except ValueError:
        return None


def around(value: Any) -> dict[str, object]:
    """The members that are no part of the conversation: the proxy changes none of them."""
    return {name: kept for name, kept in value.items() if name not in ("messages", "tools")}


def said(value: Any) -> tuple[list[object], list[str], list[str]]:
    """The roles in order, and the messages and the tools in any order."""
    messages = value["messages"]
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    spoken = [_message(message, at == 0) for at, message in enumerate(messages)]
    tools = value.get("tools") or []
    return roles, sorted(map(repr, spoken)), sorted(repr(_tool(tool)) for tool in tools)


def _message(message: Any, is_first: bool) -> object:
    if not isinstance(message, dict):
        return message
    is_system = message.get("role") in ("system", "developer")
    return (
        message.get("role"),
        _content(message.get("content"), is_first and is_system),
        _text(message.get("reasoning_content")),
        _calls(message.get("tool_calls")),
        message.get("tool_call_id"),
    )


def _content(content: Any, may_bill: bool) -> list[object]:
    """Pieces: texts without blanks, other parts as they are. Texts next to each other are one."""
    parts = content if isinstance(content, list) else [] if content is None else [content]
    texts = [_part_text(part) for part in parts]
    if all(isinstance(text, str) for text in texts):
        whole = "\n".join(map(str, texts))
        if may_bill and (found := BILLING.match(whole)):
            whole = whole[found.end() :]
        return [spoken] if (spoken := BLANKS.sub("", whole)) else []
    return [
        without_marks(part) if text is None else ("text", BLANKS.sub("", text))
        for part, text in zip(parts, texts, strict=True)
    ]


def _part_text(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    is_text = isinstance(part, dict) and part.get("type") == "text"
    text = part.get("text") if is_text else None
    return text if isinstance(text, str) else None


def _text(text: Any) -> object:
    """A text without blanks; nothing is an empty one."""
    return (BLANKS.sub("", text) or None) if isinstance(text, str) else text


def _calls(calls: Any) -> object:
    if not isinstance(calls, list):
        return calls
    return [_call(call) for call in calls] or None


def _call(call: Any) -> object:
    if not isinstance(call, dict) or not isinstance(function := call.get("function"), dict):
        return call
    return call.get("id"), function.get("name"), arguments(function.get("arguments"))


def arguments(given: Any) -> object:
    """As a value where they are JSON, whether they came as text or not; no arguments are `{}`."""
    if not isinstance(given, str):
        return {} if given is None else given
    if not BLANKS.sub("", given):
        return {}
    try:
        value = lenient(given.encode("utf-8", "surrogatepass"))
    except RecursionError:
        value = None
    return given if value is None else value


def _tool(tool: Any) -> object:
    """A tool with its members in one order; those of its schema stay as they came."""
    if isinstance(tool, dict) and isinstance(function := tool.get("function"), dict):
        tool = tool | {"function": without_marks(function)}
    return without_marks(tool)


def without_marks(value: Any) -> object:
    """A value without hints for a prompt cache, its members in one order."""
    if not isinstance(value, dict):
        return value
    return dict(sorted((name, kept) for name, kept in value.items() if name != "cache_control"))
