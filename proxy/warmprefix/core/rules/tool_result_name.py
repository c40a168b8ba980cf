"""Fills the name of a tool result from the call with the same id."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, result_rule
from warmprefix.core.types import Message, Names, Risk


def _change(message: Message, name: str) -> Message:
    names = None if message.shape is None else message.shape.names
    if names is None or not names.name or message.name is not None or names.name in message.extra:
        return message
    return changed(message, name=name, keys=_keys(message.keys, names))


def _keys(keys: tuple[str, ...], names: Names) -> tuple[str, ...]:
    ordered = tuple(key for key in names.message if key in keys or key == names.name)
    return (*ordered, *(key for key in keys if key not in names.message))


RULE: Rule = result_rule(
    "tool-result-name",
    Risk.NEUTRAL,
    _change,
    why="A session reload loses the name of a tool result; the call with the same id still has it. "
    "Kimi-K2 prints it.",
    source="captured with hermes-agent 0.13 to 0.19 (tool_dispatch_helpers.py:486)",
)
