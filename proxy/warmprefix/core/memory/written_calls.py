"""Calls that a client writes into the text of a reply, in a notation of its own.

smolagents gives a call back as `Calling tools:` and a list in the notation of Python, and its result as words
of the user. So the model reads its own call in a form that it has not written.
"""

import ast
from collections.abc import Mapping
from typing import Any

import orjson

from warmprefix.core.identity.reasoning import split_reasoning, text_of
from warmprefix.core.types import Message, ToolCall

_LONGEST_LABEL = 64  # characters
_LONGEST = 64 * 1024
"""Characters of calls that are read: reading them takes as long as writing them did."""


def are_written_out(reply: Message, given: Message) -> bool:
    """Whether a client gives a reply back with its calls written behind its text, and nothing else."""
    if reply.role != "assistant" or given.role != "assistant" or given.opaque or given.tool_calls:
        return False
    if not reply.tool_calls:
        return False
    own, text = (split_reasoning(text_of(message)).visible.strip() for message in (reply, given))
    if not text.startswith(own):
        return False
    written = text[len(own) :].strip()
    at = min((place for place in map(written.find, "[{") if place >= 0), default=-1)
    if not 0 <= at <= _LONGEST_LABEL or len(written) > _LONGEST:
        return False
    value = _read(written[at:])
    listed = value if isinstance(value, list) else [value]
    return [_call(one) for one in listed] == [_own(call) for call in reply.tool_calls]


def _read(text: str) -> object:
    """A value in the notation of JSON or Python; None if it is neither. No arguments are `{}`."""
    if not text.strip():
        return {}
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _call(value: Any) -> tuple[object, object] | None:
    """The name and the arguments of a call as they are written; None if it is none."""
    named = value.get("function", value) if isinstance(value, Mapping) else None
    if not isinstance(named, Mapping):
        return None
    arguments = named.get("arguments")
    return named.get("name"), _read(arguments) if isinstance(arguments, str) else arguments or {}


def _own(call: ToolCall) -> tuple[object, object]:
    raw = call.arguments_raw
    text = call.arguments if raw is None else raw.decode(errors="replace")
    return call.name, _read(text or "")
