"""Leaves the name of a tool result out of the canonical form."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Risk


def _change(message: Message) -> Message:
    if message.name is None or not message.results or message.shape is None:
        return message
    keys = without(message.keys, frozenset({message.shape.names.name}))
    return changed(message, name=None, keys=keys)


RULE: Rule = message_rule(
    "tool-result-name",
    Risk.NEUTRAL,
    _change,
    features={"name"},
    why="A session reload loses the name of a tool result, and Kimi-K2 prints it. A result goes out with the "
    "name that it was first sent with, or without one; a new result as the client has it.",
    source="captured with hermes-agent 0.13 to 0.19 (tool_dispatch_helpers.py:486)",
)
