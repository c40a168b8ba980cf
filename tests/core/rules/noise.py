"""The noise each rule names: what a client may do to a request that the rule must not let through.

`NOISE[rule](messages, tools)` is the same request with that noise in every place where it can be.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.strategies import Json
from warmprefix.dialects.chat_completions.shape import NAMES

Body = tuple[list[Json], list[Json] | None]
_BLANK = " \t\r\n"
_MARK = {"cache_control": {"type": "ephemeral"}}


def each(change: Callable[[Json], Json]) -> Callable[[Body], Body]:
    """Noise in one message at a time."""
    return lambda body: ([change(message) for message in body[0]], body[1])


def each_tool(change: Callable[[Json], Json]) -> Callable[[Body], Body]:
    """Noise in one tool at a time."""
    return lambda body: (body[0], body[1] and [change(tool) for tool in body[1]])


def null_fields(message: Json) -> Json:
    return {"invented": None} | message | {"also_invented": None}


def unknown_fields(message: Json) -> Json:
    calls = [call | {"call_id": "x"} for call in message.get("tool_calls", ())]
    return {"db_id": 7} | message | ({"tool_calls": calls} if calls else {})


def empty_tool_calls(message: Json) -> Json:
    return message if "tool_calls" in message else message | {"tool_calls": []}


def blank_reasoning(message: Json) -> Json:
    if message["role"] != "assistant" or "reasoning_content" in message:
        return message
    return message | {"reasoning_content": " \n"}


def part_marks(message: Json) -> Json:
    parts = message.get("content")
    if not isinstance(parts, list):
        return message
    return message | {"content": [p | _MARK if p["type"] == "text" else p for p in parts]}


def text_parts(message: Json) -> Json:
    content = message.get("content")
    if not isinstance(content, str):
        return message
    parts = [{"type": "text", "text": line} for line in content.split("\n")]
    return message | {"content": parts}


def empty_content(message: Json) -> Json:
    return message | {"content": None} if message.get("content") == "" else message


def arguments_text(message: Json) -> Json:
    return with_functions(message, _as_object)


def _as_object(function: Json) -> Json:
    known: Mapping[str, Any] = {"{}": None, '{"path":"a"}': {"path": "a"}, "": " "}
    text = function["arguments"]
    return function | {"arguments": known.get(text, text) if isinstance(text, str) else text}


def with_functions(message: Json, change: Callable[[Json], Json]) -> Json:
    calls = message.get("tool_calls")
    if not calls:
        return message
    return message | {"tool_calls": [c | {"function": change(c["function"])} for c in calls]}


def edge_whitespace(message: Json) -> Json:
    return with_edges(message, {"system", "developer", "assistant"}, "\r\n\t ")


def user_edge_newlines(message: Json) -> Json:
    return with_edges(message, {"user"}, "\n\r\n")


def with_edges(message: Json, roles: set[str], edges: str) -> Json:
    content = message.get("content")
    if message["role"] not in roles or not isinstance(content, str):
        return message
    return message | {"content": edges + content + edges}


def in_order(message: Json) -> Json:
    """Members of the API first, in their order."""
    known = {key: message[key] for key in NAMES.message if key in message}
    return known | {key: value for key, value in message.items() if key not in known}


def key_order(message: Json) -> Json:
    """Members of the API last and backwards; the others in the order they had."""
    others = {key: value for key, value in message.items() if key not in NAMES.message}
    turned = {key: message[key] for key in reversed(NAMES.message) if key in message}
    return with_functions(others | turned, lambda function: dict(reversed(function.items())))


def billing_line(body: Body) -> Body:
    messages, tools = body
    content = messages[0].get("content") if messages else None
    if not isinstance(content, str) or messages[0]["role"] not in ("system", "developer"):
        return body
    if content != content.lstrip(_BLANK):
        return body  # the blank lines behind a billing line go with it
    first = messages[0] | {"content": "x-anthropic-billing-header: cch=9;\n\n" + content}
    return [first, *messages[1:]], tools


def tool_result_order(body: Body) -> Body:
    """Every run of tool results behind a message that calls them, backwards."""
    messages, tools = body
    found: list[Json] = []
    batch: list[Json] = []
    for message in messages:
        if message["role"] == "tool":
            batch.insert(0, message)
        else:
            found += [*batch, message]
            batch = []
    return found + batch, tools


def tool_result_name(message: Json) -> Json:
    """A tool result without its name."""
    if message.get("role") != "tool":
        return message
    return {key: value for key, value in message.items() if key != "name"}


def empty_tools(body: Body) -> Body:
    return body[0], body[1] or []


def tool_marks(tool: Json) -> Json:
    return _MARK | tool | {"function": tool["function"] | _MARK}


def tool_key_order(tool: Json) -> Json:
    function = dict(reversed(tool["function"].items()))
    return dict(reversed((tool | {"function": function}).items()))


NOISE: Mapping[str, Callable[[Body], Body]] = {
    "null-fields": each(null_fields),
    "unknown-fields": each(unknown_fields),
    "empty-tool-calls": each(empty_tool_calls),
    "blank-reasoning": each(blank_reasoning),
    "part-marks": each(part_marks),
    "text-parts": each(text_parts),
    "empty-content": each(empty_content),
    "arguments-text": each(arguments_text),
    "edge-whitespace": each(edge_whitespace),
    "user-edge-newlines": each(user_edge_newlines),
    "key-order": each(key_order),
    "billing-line": billing_line,
    "tool-result-order": tool_result_order,
    "tool-result-name": each(tool_result_name),
    "empty-tools": empty_tools,
    "tool-marks": each_tool(tool_marks),
    "tool-key-order": each_tool(tool_key_order),
}


def noisy(rule: str, messages: list[Json], tools: list[Json] | None) -> Body:
    """The request with the noise that the rule names; the one given is not touched."""
    copy: Body = json.loads(json.dumps([messages, tools]))
    return NOISE[rule]((copy[0], copy[1]))
