"""Fills the name of a tool result from the call with the same id."""

from warmprefix.core.rules.base import Rule, result_rule
from warmprefix.core.types import Message, Risk
from warmprefix.core.wire.slices import MESSAGE_KEYS, changed


def _change(message: Message, name: str) -> Message:
    if message.name is not None or "name" in message.extra:
        return message
    return changed(message, name=name, keys=_keys(message.keys))


def _keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    ordered = tuple(key for key in MESSAGE_KEYS if key in keys or key == "name")
    return (*ordered, *(key for key in keys if key not in MESSAGE_KEYS))


RULE: Rule = result_rule(
    "tool-result-name",
    Risk.NEUTRAL,
    _change,
    why="A session reload loses the name of a tool result; the call with the same id still has it. "
    "Kimi-K2 prints it.",
    source="captured with hermes-agent 0.13 to 0.19 (tool_dispatch_helpers.py:486)",
)
