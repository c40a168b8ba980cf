"""The slot of a request, as a table of situations."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.slots import SlotView, Wish, choose

A, B = "a", "b"
EMPTY0, EMPTY1 = SlotView(0), SlotView(1)
HOLDS_A = SlotView(0, A, tokens=900, used=5)
HOLDS_B = SlotView(1, B, tokens=500, used=3)
UNKNOWN = SlotView(0, tokens=300, is_known=False)
ALIKE0 = Wish("new", is_side=False, returns=False, like=0)
SIDE1 = SlotView(1, "title", is_side=True, tokens=100, used=9)


def busy(slot: SlotView) -> SlotView:
    return SlotView(slot.id, slot.conversation, slot.is_side, True, slot.tokens, slot.used)


@dataclass(frozen=True)
class Case:
    id: str
    wish: Wish
    slots: tuple[SlotView, ...]
    slot: int | None
    reason: str


GOES_ON = Wish(A, is_side=False, returns=True)
NEW = Wish("new", is_side=False, returns=False)
TITLE = Wish("title", is_side=True, returns=False, like=0)

CASES = (
    Case("nothing-known", GOES_ON, (), None, "slots not known"),
    Case("one-slot", GOES_ON, (HOLDS_A,), None, "one slot"),
    Case("its-own", GOES_ON, (HOLDS_A, HOLDS_B), 0, "holds this conversation"),
    Case("the-longer-of-two", GOES_ON, (SlotView(0, A, tokens=9), SlotView(1, A, tokens=99)), 1, "holds this"),
    Case("its-own-is-busy", GOES_ON, (busy(HOLDS_A), EMPTY1), 1, "its own slot is busy"),
    Case("all-busy", GOES_ON, (busy(HOLDS_A), busy(HOLDS_B)), None, "all slots busy"),
    Case("branch-away-from-its-own", replace(GOES_ON, is_branch=True), (HOLDS_A, EMPTY1), 1, "branch"),
    Case("side-to-an-empty-slot", TITLE, (HOLDS_A, EMPTY1), 1, "side request"),
    Case("side-away-from-what-is-alike", TITLE, (HOLDS_A, HOLDS_B), 1, "side request"),
    Case("side-to-a-side-slot", TITLE, (HOLDS_B, SIDE1), 1, "side request"),
    Case("side-to-a-side-slot-before-an-empty-one", TITLE, (EMPTY0, SIDE1), 1, "side request"),
    Case("side-when-only-the-conversation-is-idle", TITLE, (HOLDS_A, busy(SIDE1)), 0, "side request"),
    Case("new-to-an-empty-slot", NEW, (HOLDS_A, EMPTY1), 1, "least to lose"),
    Case("new-to-the-longest-unused", NEW, (HOLDS_A, HOLDS_B), 1, "least to lose"),
    Case("new-but-alike", ALIKE0, (HOLDS_A, EMPTY1), 0, "shares its beginning"),
    Case("new-but-alike-is-busy", ALIKE0, (busy(HOLDS_A), EMPTY1), 1, "least to lose"),
    Case("returns-to-the-ram-cache", Wish("c", False, True), (HOLDS_B, EMPTY0), 1, "RAM cache"),
    Case("returns-to-nothing", Wish("c", False, True), (EMPTY0, EMPTY1), 0, "least to lose"),
    Case("returns-not-into-another", Wish("c", False, True, like=0), (HOLDS_A, HOLDS_B), 1, "RAM cache"),
    Case("returns-into-a-side-slot", Wish("c", False, True, like=1), (HOLDS_A, SIDE1), 1, "shares its"),
    Case("unknown-may-hold-it", Wish("c", False, True), (UNKNOWN, EMPTY1), None, "not known"),
    Case("unknown-may-be-alike", NEW, (UNKNOWN, EMPTY1), None, "not known"),
    Case("side-away-from-unknown", TITLE, (UNKNOWN, EMPTY1), 1, "side request"),
    Case("its-own-beside-unknown", Wish(B, False, True), (UNKNOWN, HOLDS_B), 1, "holds this"),
    Case("a-side-slot-is-nobodys", Wish("title", False, True), (HOLDS_A, SIDE1), 1, "RAM cache"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_slot_of_a_request(case: Case) -> None:
    choice = choose(case.wish, case.slots)

    assert choice.slot == case.slot
    assert case.reason in choice.reason


names = st.sampled_from(["a", "b", "c", None])
views = st.builds(
    SlotView,
    id=st.just(0),
    conversation=names,
    is_side=st.booleans(),
    is_busy=st.booleans(),
    tokens=st.integers(0, 3),
    used=st.integers(0, 3),
    is_known=st.booleans(),
)
wishes = st.builds(
    Wish,
    names,
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 4)),
    st.booleans(),
)


@given(wishes, st.lists(views, max_size=4))
def test_a_choice_is_an_idle_slot_that_is_there(wish: Wish, given_slots: list[SlotView]) -> None:
    """So no slot is ever given to two running requests, and no number wraps around."""
    slots = [replace(s, id=at) for at, s in enumerate(given_slots)]

    choice = choose(wish, slots)

    if choice.slot is not None:
        assert not slots[choice.slot].is_busy
    else:
        idle = [slot for slot in slots if not slot.is_busy]
        assert len(slots) < 2 or not all(slot.is_known for slot in idle) or not idle


@given(st.lists(views, min_size=2, max_size=4))
def test_a_side_request_takes_a_conversation_only_where_nothing_else_is_idle(
    given_slots: list[SlotView],
) -> None:
    slots = [replace(s, id=at) for at, s in enumerate(given_slots)]
    idle = [slot for slot in slots if not slot.is_busy]

    choice = choose(TITLE, slots)

    if choice.slot is not None and any(slot.is_side or not slot.tokens for slot in idle):
        taken = slots[choice.slot]
        assert taken.is_side or not taken.tokens
