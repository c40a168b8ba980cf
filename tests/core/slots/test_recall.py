"""When a conversation is called back from the RAM cache, as a table of situations."""

from dataclasses import dataclass, replace

import pytest

from warmprefix.core.slots.choice import choose
from warmprefix.core.slots.recall import REASON, recalled
from warmprefix.core.slots.slot import Content, Share, Slot, TakenFrom, Traits, Wish
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import Prompt

HEAD = b"head"


def content(name: str, taken_from: TakenFrom | None = None, *, is_side: bool = False) -> Content:
    held = Held(name, (name.encode(), b"1"), HEAD, 1000)
    return Content(held, Prompt(()), is_side, 3, taken_from=taken_from)


A = Wish("a", (b"a", b"1", b"2"), HEAD, recall_tokens=2500)
NO_SLOT = replace(A, takes_slot=False)
CLEARS, KEEPS, UNSEEN = Traits(False, True), Traits(True, True), Traits(None, True)
CUT = TakenFrom("a", 900)
COUSIN = Slot(1, 1000, 4, content("b", CUT), used=9)
MISCOUNTED = replace(COUSIN, content=content("b", TakenFrom("a", 990)))
BY_TEXT = Slot(1, 1000, 4, content("b"), used=9)
MOST, HALF, LITTLE = Share(900, 1000, 2500), Share(499, 1000, 2500), Share(100, 1000, 2500)
UNSURE = Share(900, 1000, 2500, is_sure=False)
EMPTY0, EMPTY2 = Slot(0), Slot(2)
OTHER0 = Slot(0, 1000, 3, content("c"), used=3)
UNKNOWN0 = Slot(0, 700, 3, is_known=False)
BUSY0 = replace(OTHER0, is_busy=True)


@dataclass(frozen=True)
class Case:
    id: str
    slots: tuple[Slot, ...]
    traits: Traits
    start: int | None = None
    slot: int | None = None
    shares: dict[int, Share] | None = None
    wish: Wish = A
    is_recalled: bool = True


CASES = (
    # What stays of the cousin is so much that the server does not look into its RAM cache.
    Case("as-counted", (EMPTY0, COUSIN), CLEARS, 1),
    Case("by-the-texts", (EMPTY0, BY_TEXT), CLEARS, 1, shares={1: MOST}),
    Case("by-the-texts-rather-than-as-counted", (EMPTY0, MISCOUNTED), CLEARS, 1, shares={1: MOST}),
    Case("as-counted-if-the-texts-do-not-tell", (EMPTY0, COUSIN), CLEARS, 1, shares={1: UNSURE}),
    Case("the-only-slot", (replace(COUSIN, id=0),), KEEPS, 0),
    Case("the-only-slot-of-an-endpoint-that-takes-none", (replace(COUSIN, id=0),), KEEPS, 0, wish=NO_SLOT),
    Case("an-endpoint-that-takes-no-slot", (EMPTY0, COUSIN), CLEARS, 1, wish=NO_SLOT),
    Case("beside-one-that-is-busy", (BUSY0, COUSIN), CLEARS, 1),
    Case("no-trial-but-idle-slots-are-cleared", (EMPTY0, COUSIN), Traits(False), 1),
    # Slots that keep what they hold: in another one, by number, and one that is empty does not look there.
    Case("kept", (EMPTY0, COUSIN), KEEPS, 0, 0),
    Case("kept-over-the-least-missed", (OTHER0, COUSIN), KEEPS, None, 0),
    # Otherwise it is left as it is.
    Case("kept-and-no-slot-can-be-named", (EMPTY0, COUSIN), KEEPS, wish=NO_SLOT, is_recalled=False),
    Case("kept-and-no-other-is-idle", (BUSY0, COUSIN), KEEPS, is_recalled=False),
    Case("no-ram-cache", (EMPTY0, COUSIN), Traits(True, False), is_recalled=False),
    Case("not-seen-whether-there-is-one", (EMPTY0, COUSIN), Traits(), is_recalled=False),
    Case("not-known-what-a-slot-holds", (UNKNOWN0, COUSIN), CLEARS, is_recalled=False),
    Case("all-busy", (BUSY0,), CLEARS, is_recalled=False),
    Case("nothing-idle-is-alike", (EMPTY0, EMPTY2), CLEARS, is_recalled=False),
    Case("the-server-looks-by-itself", (EMPTY0, BY_TEXT), CLEARS, shares={1: HALF}, is_recalled=False),
    Case("the-server-takes-another", (EMPTY0, BY_TEXT), CLEARS, shares={1: LITTLE}, is_recalled=False),
    Case("not-comparable", (EMPTY0, BY_TEXT), CLEARS, shares={1: UNSURE}, is_recalled=False),
    Case("taken-from-another", (EMPTY0, COUSIN), CLEARS, wish=replace(A, conversation="z"), is_recalled=False),
    Case("little-is-lost", (EMPTY0, COUSIN), CLEARS, wish=replace(A, recall_tokens=1000), is_recalled=False),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_is_called_back(case: Case) -> None:
    idle = [slot for slot in case.slots if not slot.is_busy]
    choice = recalled(case.wish, case.slots, idle, case.shares or {}, case.traits)

    assert (choice is not None) == case.is_recalled
    if choice is not None:
        assert (choice.slot, choice.start, choice.how) == (case.slot, case.start, "recall")
        assert choice.shared_tokens == case.wish.recall_tokens
        assert choice.else_tokens == 900


def test_it_is_called_back_before_anything_else_is_weighed() -> None:
    asked = replace(NO_SLOT, saved_tokens=1000)

    assert choose(asked, (EMPTY0, COUSIN), {}, CLEARS).reason == REASON


def test_what_has_no_copy_is_not_called_back() -> None:
    asked = replace(A, recall_tokens=0)

    assert choose(asked, (EMPTY0, COUSIN), {}, CLEARS).how == "free"
