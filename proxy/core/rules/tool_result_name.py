"""Fills the name of a tool result from the call with the same id."""

from collections.abc import Iterator

from proxy.core.rules.base import Rule, with_messages
from proxy.core.types import Message, Prompt, Risk
from proxy.core.wire import MESSAGE_KEYS, changed


def _apply(prompt: Prompt) -> Prompt:
    return with_messages(prompt, tuple(_named(prompt.messages)))


def _named(messages: tuple[Message, ...]) -> Iterator[Message]:
    names: dict[str, str] = {}
    for message in messages:
        for call in message.tool_calls:
            if call.id and call.name:
                names[call.id] = call.name
        if message.role != "tool" or message.name is not None or "name" in message.extra:
            yield message
            continue
        name = names.get(message.tool_call_id or "")
        yield message if name is None else changed(message, name=name, keys=_keys(message.keys))


def _keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    ordered = tuple(key for key in MESSAGE_KEYS if key in keys or key == "name")
    return (*ordered, *(key for key in keys if key not in MESSAGE_KEYS))


RULE: Rule = Rule(
    "tool-result-name",
    Risk.NEUTRAL,
    _apply,
    why="A session reload loses the name of a tool result; the call with the same id still has it. "
    "Kimi-K2 prints it.",
    source="captured with hermes-agent 0.13 to 0.19 (tool_dispatch_helpers.py:486)",
)
