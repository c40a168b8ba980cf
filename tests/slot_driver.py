"""Drives a slot table: requests that come and end, and readings of `/slots`."""

from collections.abc import Mapping, Sequence

from tests.fakes.scripted_replies import dump
from warmprefix.core.slots.seat import Left, Seat
from warmprefix.core.slots.slot import Share, Slot, SlotChoice, Traits, Wish
from warmprefix.core.slots.state import SlotState
from warmprefix.core.types import CacheStats, Message, Prompt
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.slots.table import Decide, SlotTable

HEAD = b"head"
MUCH = 1000


def state(
    slot: int, tokens: int | None = None, task: int | None = None, *, busy: bool = False
) -> SlotState:
    """A slot as `/slots` shows it."""
    return SlotState(slot, busy, tokens, task, None, None)


def stats(tokens: int | None, cached: int | None = 0) -> CacheStats:
    """Of a turn that leaves so many tokens."""
    return CacheStats(tokens, cached, None, None if tokens is None else 1)


def prompt(name: str, *more: str, shared: str = "") -> Prompt:
    """One that is unlike that of any other name, but for what is `shared`."""
    texts = (f"{shared}{name * 500}", *more)
    return Prompt(tuple(parse_message(dump({"role": "user", "content": text})) for text in texts))


def wish(name: str, messages: int = 1, *, is_side: bool = False) -> Wish:
    """A request of the conversation of that name."""
    keys = tuple(f"{name}{number}".encode() for number in range(messages))
    return Wish(name, keys, HEAD, is_side)


def at(slot: int | None) -> Decide:
    """A choice of this slot, whatever is known."""

    def decide(
        wish: Wish, slots: Sequence[Slot], shares: Mapping[int, Share], traits: Traits
    ) -> SlotChoice:
        return SlotChoice(slot, "chosen")

    return decide


def table_of(*states: SlotState) -> SlotTable:
    """A table that has heard of the slots once."""
    table = SlotTable()
    table.read(states, table.events)
    return table


def take(
    table: SlotTable,
    name: str,
    slot: int | None = None,
    messages: int = 1,
    *,
    shared: str = "",
    is_side: bool = False,
) -> Seat:
    """A request that is about to be sent: of so many messages, which begins with `shared`."""
    more = ("More.",) * (messages - 1)
    of = wish(name, messages, is_side=is_side)
    return table.take(of, prompt(name, *more, shared=shared), messages, at(slot))


def ran(
    table: SlotTable,
    name: str,
    slot: int | None,
    tokens: int = MUCH,
    messages: int = 1,
    *,
    cached: int | None = 0,
    shared: str = "",
    is_side: bool = False,
) -> Seat:
    """A request that has ended."""
    seat = take(table, name, slot, messages, shared=shared, is_side=is_side)
    table.leave(seat, stats(tokens, cached))
    return seat


def left(seat: Seat, stats: CacheStats, reply: Message | None = None) -> Left:
    """A request that has ended, whose slot is looked for."""
    return Left(seat, stats, reply, 0)


def read(table: SlotTable, *states: SlotState) -> None:
    """A reading that was asked for just now."""
    table.read(states, table.events)


def whose(table: SlotTable) -> list[str | None]:
    """The conversation in each slot; "?" if it is not known."""
    return [
        slot.content.held.conversation if slot.content else None if slot.is_known else "?"
        for slot in table.slots
    ]
