"""The slot of a request, as a table of situations."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmprefix.core.slots.choice import choose, goes_on, is_saved_to_ram, lost_tokens
from warmprefix.core.slots.slot import Content, How, Share, Slot, SlotChoice, Traits, Wish
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import Prompt

HEAD = b"head"
NOTHING = Prompt(())


def content(name: str, turns: int = 3, *, is_side: bool = False) -> Content:
    keys = (name.encode(), name.encode() + b"1")
    return Content(Held(name, keys, HEAD, 1000), NOTHING, is_side, turns)


EMPTY0, EMPTY1, EMPTY2 = Slot(0), Slot(1), Slot(2)
A0 = Slot(0, 1000, 1, content("a"), used=5)
B1 = Slot(1, 1000, 2, content("b"), used=3)
B1_COPIED = replace(B1, is_copied=True)
SIDE1 = Slot(1, 100, 3, content("title", is_side=True), used=9)
UNKNOWN1 = Slot(1, 700, 4, is_known=False)
BUSY0, BUSY1 = replace(A0, is_busy=True), replace(B1, is_busy=True)

KEEPS, NO_RAM, RAM = Traits(True), Traits(True, False), Traits(True, True)
CLEARS, UNSEEN = Traits(False), Traits()

GOES_ON = Wish("a", (b"a", b"a1", b"a2"), HEAD)
OTHER = Wish("c", (b"c",), HEAD)
EDIT = Wish("a", (b"a", b"other"), HEAD)
BRANCH = replace(EDIT, keeps_branches=True)
BRANCH_TITLE = replace(BRANCH, is_side=True)
TITLE = Wish("title", (b"t",), HEAD, is_side=True)
SAVED = replace(GOES_ON, saved_tokens=1000)
NO_SLOT, SAVED_NO_SLOT = replace(GOES_ON, takes_slot=False), replace(SAVED, takes_slot=False)

MOST_OF_A = {0: Share(600, 1000, 700)}
"""Of the conversation in slot 0, 400 tokens would be lost; of the request, 600 characters are there."""
ALL_THERE = {0: Share(700, 1000, 700)}
LITTLE_OF_A = {0: Share(50, 1000, 700)}
SOME_OF_A = {0: Share(300, 1000, 400)}
A_TENTH_OF_A = {0: Share(100, 1000, 400)}
NEARLY_ALL_OF_A = {0: Share(950, 1000, 2000)}
UNSURE_OF_A = {0: Share(0, 1000, 700, is_sure=False)}


@dataclass(frozen=True)
class Case:
    id: str
    wish: Wish
    slots: tuple[Slot, ...]
    shares: dict[int, Share]
    traits: Traits
    slot: int | None
    reason: str
    how: How = "free"
    into: int | None = None
    start: int | None = None


CASES = (
    # Without evidence the choice is the server's.
    Case("nothing-known", GOES_ON, (), {}, KEEPS, None, "slots not known"),
    Case("one-slot", GOES_ON, (A0,), {}, KEEPS, None, "one slot"),
    Case("none-taken", NO_SLOT, (A0, B1), {}, KEEPS, None, "this endpoint takes no slot"),
    # Nor can one be asked for there. What is saved goes to where the server will look.
    Case("none-taken-saved", SAVED_NO_SLOT, (EMPTY0,), {}, KEEPS, None, "one slot", into=0),
    Case(
        "none-taken-cut", SAVED_NO_SLOT, (replace(B1, id=0),), {}, KEEPS, None, "one slot", into=0
    ),
    Case("none-taken-empty", SAVED_NO_SLOT, (EMPTY0, B1), {}, KEEPS, None, "finds", into=0),
    Case(
        "none-taken-empty-cleared", SAVED_NO_SLOT, (EMPTY0, B1), {}, CLEARS, None, "finds", into=0
    ),
    Case(
        "none-taken-full", SAVED_NO_SLOT, (replace(B1, id=0), B1), {}, KEEPS, None, "takes no slot"
    ),
    Case("none-taken-held", SAVED_NO_SLOT, (A0, EMPTY1), {}, KEEPS, None, "takes no slot"),
    Case(
        "none-taken-in-ram",
        replace(SAVED_NO_SLOT, in_ram=True),
        (EMPTY0, B1),
        {},
        CLEARS,
        None,
        "takes no slot",
    ),
    Case(
        "none-taken-was-here",
        replace(SAVED_NO_SLOT, was_here=True),
        (EMPTY0, B1),
        {},
        CLEARS,
        None,
        "takes no slot",
    ),
    Case("idle-slots-not-seen", GOES_ON, (A0, B1), {}, UNSEEN, None, "not seen yet"),
    Case("idle-slots-are-cleared", GOES_ON, (A0, B1), {}, CLEARS, None, "saves and clears"),
    Case("all-busy", GOES_ON, (BUSY0, BUSY1), {}, KEEPS, None, "all slots busy"),
    Case("not-known", OTHER, (A0, UNKNOWN1), MOST_OF_A, RAM, None, "not known"),
    # What is held is reached.
    Case("its-own", GOES_ON, (A0, B1), {}, KEEPS, 0, "holds this conversation", "own"),
    Case("its-own-beside-an-unknown-one", GOES_ON, (A0, UNKNOWN1), {}, KEEPS, 0, "holds", "own"),
    Case(
        "the-longer-of-two",
        GOES_ON,
        (A0, replace(A0, id=1, tokens=1200)),
        {},
        KEEPS,
        1,
        "holds",
        "own",
    ),
    Case("its-own-is-busy", GOES_ON, (BUSY0, B1), {}, RAM, None, "shares little"),
    # What shares little with all slots.
    Case("unlike-any", OTHER, (A0, EMPTY1), LITTLE_OF_A, RAM, None, "shares little"),
    Case(
        "unlike-any-to-be-saved",
        replace(OTHER, can_save=True),
        (A0, B1),
        LITTLE_OF_A,
        NO_RAM,
        1,
        "shares little",
        "cut",
    ),
    Case(
        "unlike-any-not-sure",
        replace(OTHER, can_save=True),
        (A0, B1),
        UNSURE_OF_A,
        NO_RAM,
        None,
        "shares little",
    ),
    Case(
        "unlike-any-saved-by-the-server",
        replace(OTHER, can_save=True),
        (A0, B1),
        LITTLE_OF_A,
        RAM,
        None,
        "shares little",
    ),
    # What would cut a conversation.
    Case("costs-little", OTHER, (A0, EMPTY1), NEARLY_ALL_OF_A, RAM, None, "little"),
    Case("saved-by-the-server", TITLE, (A0, EMPTY1), SOME_OF_A, RAM, None, "little"),
    Case(
        "a-copy-in-an-empty-slot",
        OTHER,
        (A0, EMPTY1),
        MOST_OF_A,
        RAM,
        1,
        "copy",
        "copy",
        start=1,
    ),
    Case(
        "no-copy-for-an-edit",
        EDIT,
        (A0, EMPTY1),
        MOST_OF_A,
        RAM,
        None,
        "nothing is lost",
    ),
    Case(
        "a-copy-for-a-branch",
        BRANCH,
        (A0, EMPTY1),
        MOST_OF_A,
        RAM,
        1,
        "copy",
        "copy",
        start=1,
    ),
    Case(
        "a-branch-apart",
        BRANCH,
        (A0, EMPTY1),
        MOST_OF_A,
        NO_RAM,
        1,
        "another branch",
        "apart",
    ),
    Case("a-branch-with-no-empty-slot", BRANCH, (A0, B1), MOST_OF_A, NO_RAM, None, "costs less"),
    Case("another-reply-is-no-branch", BRANCH, (A0, EMPTY1), ALL_THERE, NO_RAM, None, "nothing is"),
    Case(
        "a-branch-saved-first",
        replace(BRANCH, can_save=True),
        (A0, EMPTY1),
        MOST_OF_A,
        NO_RAM,
        0,
        "saved first",
        "cut",
    ),
    Case("a-title-is-no-branch", BRANCH_TITLE, (A0, B1), MOST_OF_A, NO_RAM, None, "costs less"),
    Case("a-copy-not-made-yet", OTHER, (A0, B1), MOST_OF_A, RAM, 1, "copy", "copy", start=1),
    Case(
        "a-copy-that-is-there",
        OTHER,
        (replace(A0, is_copied=True), B1),
        MOST_OF_A,
        RAM,
        1,
        "copy",
        "copy",
    ),
    Case("no-other-slot", OTHER, (A0, BUSY1), MOST_OF_A, RAM, None, "no other slot"),
    Case(
        "no-other-slot-for-sure",
        OTHER,
        (A0, B1),
        MOST_OF_A | {1: Share(0, 9, 9, False)},
        RAM,
        None,
        "no other slot",
    ),
    Case(
        "saved-first",
        replace(OTHER, can_save=True),
        (A0, EMPTY1),
        MOST_OF_A,
        NO_RAM,
        0,
        "saved first",
        "cut",
    ),
    Case(
        "an-edit-is-not-saved-first",
        replace(EDIT, can_save=True),
        (A0, EMPTY1),
        MOST_OF_A,
        NO_RAM,
        None,
        "nothing is lost",
    ),
    Case(
        "a-side-slot-is-not-saved-first",
        replace(OTHER, can_save=True),
        (EMPTY0, replace(SIDE1, tokens=900)),
        {1: Share(60, 100, 90)},
        NO_RAM,
        None,
        "nothing is lost",
    ),
    Case("apart-if-it-pays", TITLE, (A0, EMPTY1), A_TENTH_OF_A, NO_RAM, 1, "away from", "apart"),
    Case("apart-in-a-side-slot", TITLE, (A0, SIDE1), A_TENTH_OF_A, NO_RAM, 1, "away from", "apart"),
    Case(
        "apart-not-over-a-conversation", TITLE, (A0, B1), A_TENTH_OF_A, NO_RAM, None, "costs less"
    ),
    Case("apart-does-not-pay", OTHER, (A0, EMPTY1), MOST_OF_A, NO_RAM, None, "costs less"),
    Case(
        "a-side-request-rarely-returns",
        OTHER,
        (EMPTY0, replace(SIDE1, tokens=900)),
        {1: Share(15, 100, 90)},
        NO_RAM,
        None,
        "nothing is lost",
    ),
    Case("no-ram-cache-seen", OTHER, (A0, EMPTY1), SOME_OF_A, KEEPS, None, "little"),
    # What was saved.
    Case(
        "restored-into-the-only-slot",
        SAVED,
        (replace(B1, id=0),),
        {},
        UNSEEN,
        None,
        "one slot",
        into=0,
    ),
    Case(
        "restored-into-the-least-missed",
        SAVED,
        (replace(B1, id=0, used=9), replace(B1, used=3)),
        {},
        NO_RAM,
        1,
        "least",
        "cut",
        into=1,
    ),
    Case(
        "restored-where-the-server-finds-it",
        SAVED,
        (EMPTY0, EMPTY1),
        {},
        UNSEEN,
        None,
        "finds",
        into=0,
    ),
    Case(
        "restored-but-not-over-another",
        SAVED,
        (replace(B1, id=0), B1),
        {},
        UNSEEN,
        None,
        "not seen",
    ),
    Case(
        "it-may-be-in-the-ram-cache",
        replace(SAVED, was_here=True),
        (EMPTY0, EMPTY1),
        {},
        CLEARS,
        None,
        "clears",
    ),
    Case(
        "saved-but-in-the-ram-cache",
        replace(SAVED, in_ram=True),
        (EMPTY0, EMPTY1),
        {},
        RAM,
        None,
        "shares little",
    ),
    Case(
        "saved-but-as-much-is-held-by-a-side-request",
        SAVED,
        (EMPTY0, replace(SIDE1, tokens=1050)),
        {1: Share(950, 1050, 1200)},
        NO_RAM,
        None,
        "costs the slot's conversation little",
    ),
    Case(
        "saved-and-less-is-held",
        SAVED,
        (EMPTY0, replace(SIDE1, tokens=1050)),
        {1: Share(600, 1050, 1200)},
        NO_RAM,
        0,
        "least",
        "cut",
        into=0,
    ),
    Case("saved-but-held", SAVED, (A0, B1), {}, KEEPS, 0, "holds", "own"),
    Case("saved-but-not-known", SAVED, (UNKNOWN1, EMPTY2), {}, KEEPS, None, "not known"),
    Case("saved-but-busy", SAVED, (BUSY1, replace(BUSY1, id=0)), {}, KEEPS, None, "all slots busy"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_slot_of_a_request(case: Case) -> None:
    choice = choose(case.wish, case.slots, case.shares, case.traits)

    assert (choice.slot, choice.how, choice.into) == (case.slot, case.how, case.into)
    assert choice.start == case.start
    assert case.reason in choice.reason


def test_what_a_conversation_loses() -> None:
    assert lost_tokens(A0, Share(600, 1000, 700)) == 400
    assert lost_tokens(A0, Share(0, 0, 700)) == 0
    assert lost_tokens(replace(A0, tokens=None), Share(1, 2, 3)) == 0


@pytest.mark.parametrize(
    ("share", "traits", "saved"),
    [
        pytest.param(Share(499, 1000, 700), RAM, True, id="less-than-half-stays"),
        pytest.param(Share(499, 1000, 700), KEEPS, True, id="no-ram-cache-seen-yet"),
        pytest.param(Share(499, 1000, 700), NO_RAM, False, id="no-ram-cache"),
        pytest.param(Share(500, 1000, 700), RAM, False, id="half-stays"),
        pytest.param(Share(0, 1000, 700, is_sure=False), RAM, False, id="not-sure"),
        pytest.param(None, RAM, False, id="nobody-knows-what-it-holds"),
    ],
)
def test_what_the_server_saves_to_its_ram_cache(
    share: Share | None, traits: Traits, saved: bool
) -> None:
    assert is_saved_to_ram(share, traits) is saved


def test_nothing_of_nothing_is_similar() -> None:
    assert Share(0, 0, 0).similarity == 0


def test_a_request_goes_on_from_all_that_was_asked() -> None:
    assert goes_on(content("a"), GOES_ON)
    assert goes_on(content("a"), Wish("a", (b"a", b"a1"), HEAD))  # asked again
    assert not goes_on(content("a"), Wish("a", (b"a",), HEAD))
    assert not goes_on(content("a"), replace(GOES_ON, head=b"other tools"))


contents = st.sampled_from([None, content("a"), content("b"), content("c", is_side=True)])
rows = st.lists(
    st.builds(
        Slot,
        id=st.just(0),
        tokens=st.sampled_from([0, 24, 1000, None]),
        content=contents,
        is_known=st.booleans(),
        is_busy=st.booleans(),
        used=st.integers(0, 5),
        is_copied=st.booleans(),
    ),
    max_size=4,
)
wishes = st.builds(
    Wish,
    conversation=st.sampled_from(["a", "b", "d"]),
    keys=st.sampled_from([(b"a", b"a1", b"x"), (b"b", b"b1"), (b"d",)]),
    head=st.just(HEAD),
    is_side=st.booleans(),
    takes_slot=st.booleans(),
    saved_tokens=st.sampled_from([0, 300, 1000]),
    was_here=st.booleans(),
    in_ram=st.booleans(),
    can_save=st.booleans(),
    keeps_branches=st.booleans(),
)
traits = st.builds(
    Traits, st.sampled_from([None, True, False]), st.sampled_from([None, True, False])
)
counts = st.integers(0, 1000)


@given(
    wishes,
    rows,
    traits,
    st.lists(st.tuples(counts, counts, counts, st.booleans()), min_size=4, max_size=4),
)
def test_whatever_is_known_a_choice_is_sound(
    wish: Wish, row: list[Slot], seen: Traits, numbers: list[tuple[int, int, int, bool]]
) -> None:
    """Never a busy slot; nothing by number unless idle slots keep their tokens; its own only if it is held."""
    slots = [replace(slot, id=at) for at, slot in enumerate(row)]
    shares = {
        slot.id: Share(min(a, b, c), b, c, sure)
        for slot, (a, b, c, sure) in zip(slots, numbers, strict=False)
        if slot.content is not None and not slot.is_busy
    }

    choice: SlotChoice = choose(wish, slots, shares, seen)

    for number in {choice.slot, choice.into} - {None}:
        assert number is not None
        assert not slots[number].is_busy
    if choice.slot is not None:
        assert seen.keeps_idle
        assert wish.takes_slot
        assert len(slots) > 1
    if choice.how == "own":
        assert choice.slot is not None
        held = slots[choice.slot].content
        assert held is not None
        assert goes_on(held, wish)
    assert choice.start is None or choice.how in ("copy", "recall")


def test_a_side_request_moves_for_no_other_side_request() -> None:
    """What is in the slot will not be asked for again: it may be cut."""
    side0 = Slot(0, 1000, 1, content("t", is_side=True), is_known=True)

    found = choose(TITLE, (side0, EMPTY1), A_TENTH_OF_A, NO_RAM)

    assert found.slot is None
