"""When a request begins with a saved opening, and in which slot, as a table of situations."""

from dataclasses import replace

import pytest

from tests.core.slots.test_choice import (
    A0,
    B1,
    BUSY0,
    BUSY1,
    CLEARS,
    EMPTY0,
    EMPTY1,
    GOES_ON,
    KEEPS,
    NO_RAM,
    NOTHING,
    RAM,
    SIDE1,
    UNKNOWN1,
    UNSEEN,
)
from warmprefix.core.slots.choice import choose
from warmprefix.core.slots.openings import Offer
from warmprefix.core.slots.slot import Content, Share, Slot, SlotChoice, Traits, Wish
from warmprefix.core.slots.snapshots import Held

OFFER = Offer("o.bin", 5000, 20_000, 24_000)
NEW = Wish("c", (b"c",), b"head", opening=OFFER)
NO_SLOT = replace(NEW, takes_slot=False)
IN_RAM = replace(NEW, opening=replace(OFFER, is_elsewhere=True))
WHOLE = replace(NEW, opening=replace(OFFER, is_whole=True))
SMALL = replace(NEW, opening=replace(OFFER, total=900_000))
OPENING = Content(
    Held("opening", (b"",), b"", 5000), NOTHING, True, is_whole=False, opening="o.bin"
)
OPEN1 = Slot(1, 5000, 3, OPENING, used=9)

ALL = {0: Share(20_000, 40_000, 24_000)}
"""Half of the conversation in slot 0, and as much as the opening."""
ALMOST_NONE = {0: Share(400, 40_000, 24_000)}

CASES: list[
    tuple[str, Wish, tuple[Slot, ...], dict[int, Share], Traits, int | None, int | None]
] = [
    # the request, the slots, what they share, what the server does: the slot, and where it is restored
    ("one-empty-slot", NEW, (EMPTY0,), {}, KEEPS, None, 0),
    ("one-slot-of-another", NEW, (A0,), ALMOST_NONE, NO_RAM, None, 0),
    ("one-slot-that-has-it", NEW, (A0,), ALL, NO_RAM, None, None),
    ("several-that-keep", NEW, (A0, EMPTY1), {}, KEEPS, 1, 1),
    ("a-title-is-least-missed", NEW, (A0, SIDE1), {}, NO_RAM, 1, 1),
    ("the-longest-unused", NEW, (A0, B1), {}, NO_RAM, 1, 1),
    ("several-that-are-cleared", NEW, (A0, EMPTY1), {}, CLEARS, None, 1),
    ("none-is-empty-there", NEW, (A0, B1), {}, CLEARS, None, None),
    ("not-seen-what-it-does", NEW, (A0, EMPTY1), {}, UNSEEN, None, 1),
    ("not-known", NEW, (A0, UNKNOWN1), {}, KEEPS, None, None),
    ("all-busy", NEW, (BUSY0, BUSY1), {}, KEEPS, None, None),
    ("no-slots", NEW, (), {}, KEEPS, None, None),
    ("its-own-is-there", replace(GOES_ON, opening=OFFER), (A0, EMPTY1), {}, KEEPS, 0, None),
    ("in-the-ram-cache", IN_RAM, (A0, EMPTY1), {}, RAM, None, None),
    ("no-part-is-reused", WHOLE, (A0, EMPTY1), ALL, CLEARS, None, 1),
    ("no-slot-can-be-asked-for", NO_SLOT, (A0, EMPTY1), {}, KEEPS, None, 1),
    ("and-none-is-empty", NO_SLOT, (A0, B1), {}, KEEPS, None, None),
    ("a-tenth-is-not-found", SMALL, (A0, EMPTY1), {}, CLEARS, None, None),
    ("away-from-a-conversation", NEW, (A0, EMPTY1), ALL, NO_RAM, 1, 1),
    (
        "which-is-saved-to-ram",
        NEW,
        (A0, EMPTY1),
        {0: Share(20_000, 90_000, 24_000)},
        RAM,
        None,
        None,
    ),
]


@pytest.mark.parametrize(
    ("wish", "slots", "shares", "traits", "slot", "into"),
    [row[1:] for row in CASES],
    ids=[row[0] for row in CASES],
)
def test_where_it_is_restored(
    wish: Wish,
    slots: tuple[Slot, ...],
    shares: dict[int, Share],
    traits: Traits,
    slot: int | None,
    into: int | None,
) -> None:
    choice = choose(wish, slots, shares, traits)

    assert (choice.slot, choice.into) == (slot, into), choice
    assert (choice.how == "opening") is (into is not None)


def test_a_slot_that_holds_it_is_asked_for() -> None:
    """Not the conversation that shares as much: that would be cut."""
    held = {**ALL, 1: Share(20_000, 20_000, 24_000)}

    assert choose(NEW, (A0, OPEN1), held, RAM) == SlotChoice(
        1, "holds its opening", "opening", shared_tokens=5000
    )
