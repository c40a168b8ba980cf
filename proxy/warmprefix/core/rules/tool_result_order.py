"""Puts the results of parallel tool calls in the order of the calls."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, with_messages
from warmprefix.core.types import Message, Part, Prompt, ResultPart, Risk

Order = Mapping[str | None, int]
"""Where each call of the message that asked stands, by its id."""


_NOT_ASKED: Order = {}


def _apply(prompt: Prompt) -> Prompt:
    ordered: list[Message] = []
    order = _NOT_ASKED
    batch: list[Message] = []
    for message in prompt.messages:
        inside = _sorted_inside(message, order) if len(message.results) > 1 else message
        if message.logical_role == "tool":
            batch.append(inside)
            continue
        if batch:
            ordered += _sorted(batch, order)
            batch = []
        ordered.append(inside)
        calls = message.tool_calls
        order = {call.id: at for at, call in enumerate(calls)} if calls else _NOT_ASKED
    ordered += _sorted(batch, order)
    return with_messages(prompt, tuple(ordered))


def _sorted(batch: list[Message], order: Order) -> list[Message]:
    """The batch in call order; as it is if an id is unknown, missing or there twice."""
    if len(batch) < 2 or not _is_sortable([m.tool_call_id for m in batch], order):
        return batch
    return sorted(batch, key=lambda message: order[message.tool_call_id])


def _sorted_inside(message: Message, order: Order) -> Message:
    """The message with each run of its results in call order."""
    if not _is_sortable([result.call_id for result in message.results], order):
        return message
    parts: list[Part] = []
    for _, run in groupby(message.parts, lambda part: isinstance(part, ResultPart)):
        parts += sorted(run, key=lambda part: _place(part, order))
    is_same = all(old is new for old, new in zip(message.parts, parts, strict=True))
    return message if is_same else changed(message, parts=tuple(parts))


def _is_sortable(ids: Sequence[str | None], order: Order) -> bool:
    """Whether there is more than one, none is there twice, and each is known."""
    return 1 < len(ids) == len(set(ids)) and all(item in order for item in ids)


def _place(part: Part, order: Order) -> int:
    """Parts that are no results stay as they are among themselves."""
    return order[part.call_id] if isinstance(part, ResultPart) else 0


RULE: Rule = Rule(
    "tool-result-order",
    Risk.NEUTRAL,
    _apply,
    why="Parallel results arrive in the order in which the tools finished; after a reload they "
    "come in another order. Each is tied to its call by id.",
    source="captured with hermes-agent 0.19.0; most templates print neither id nor name",
    features=frozenset({"results"}),
)
