"""Puts the results of parallel tool calls in the order of the calls."""

from warmprefix.core.rules.base import Rule, with_messages
from warmprefix.core.types import Message, Prompt, Risk


def _apply(prompt: Prompt) -> Prompt:
    messages = prompt.messages
    ordered: list[Message] = []
    order: dict[str | None, int] = {}
    batch: list[Message] = []
    for message in messages:
        if message.logical_role == "tool":
            batch.append(message)
            continue
        ordered += _sorted(batch, order)
        batch = []
        order = {call.id: at for at, call in enumerate(message.tool_calls)}
        ordered.append(message)
    ordered += _sorted(batch, order)
    return with_messages(prompt, tuple(ordered))


def _sorted(batch: list[Message], order: dict[str | None, int]) -> list[Message]:
    """The batch in call order; as it is if an id is unknown, missing or there twice."""
    ids = [message.tool_call_id for message in batch]
    if len(batch) < 2 or len(set(ids)) != len(ids) or not all(item in order for item in ids):
        return batch
    return sorted(batch, key=lambda message: order[message.tool_call_id])


RULE: Rule = Rule(
    "tool-result-order",
    Risk.NEUTRAL,
    _apply,
    why="Parallel results arrive in the order in which the tools finished; after a reload they "
    "come in another order. Each is tied to its call by id.",
    source="captured with hermes-agent 0.19.0; most templates print neither id nor name",
)
