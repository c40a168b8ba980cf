"""Messages that come and go in one place, and those that move on."""

import pytest

from tests.builders import Json, assistant, system, user
from tests.core.memory.histories import (
    CALLS,
    LORE,
    NEXT,
    RESTORE,
    RESULT,
    A,
    Case,
    S,
    Turn,
    U,
    assert_undone,
    messages,
)
from warmprefix.core.memory.alignment import NO_UNDOING, Change
from warmprefix.core.memory.moved import moving

HELLO = assistant("Hello, traveller, what brings you here?")
CARD, ELVES, DWARVES = system("She is kind."), system("[Lore: elves.]"), system("[Lore: dwarves.]")
TOLD, RETOLD, TOLD_LAST = (user(f"[Lore: {name}.]") for name in ("dragons", "elves", "dwarves"))
TWO, LAST = assistant("Two."), user("Last.")

CASES = [
    Case(
        "lore above the words that a character begins with",
        [Turn([S, LORE, CARD, HELLO, U])],
        [S, CARD, HELLO, U, A, NEXT],
        [S, LORE, CARD, HELLO, U, A, NEXT],
        ("transient",),
    ),
    Case(
        "the same without the rule",
        [Turn([S, LORE, CARD, HELLO, U])],
        [S, CARD, HELLO, U, A, NEXT],
        change=Change(1, "transient-block", RESTORE),
        undoing=NO_UNDOING,
    ),
    Case(
        "lore that has been read in an earlier turn",
        [Turn([S, LORE, CARD, HELLO, U]), Turn([S, LORE, CARD, HELLO, U, A, NEXT], TWO)],
        [S, CARD, HELLO, U, A, NEXT, TWO, LAST],
        change=Change(1, "edit"),
    ),
    Case(
        "lore that comes back",
        [Turn([S, LORE, CARD, HELLO, U]), Turn([S, CARD, HELLO, U, A, NEXT], TWO)],
        [S, LORE, CARD, HELLO, U, A, NEXT, TWO, LAST],
        [S, LORE, CARD, HELLO, U, A, NEXT, TWO, LAST],
        ("transient",),
    ),
    Case(
        "other lore where some was put back is said in the newest turn",
        [Turn([S, LORE, CARD, HELLO, U]), Turn([S, CARD, HELLO, U, A, NEXT], TWO)],
        [S, ELVES, CARD, HELLO, U, A, NEXT, TWO, LAST],
        [S, LORE, CARD, HELLO, U, A, NEXT, TWO, ELVES, LAST],
        ("transient",),
    ),
    Case(
        "and the first again behind that",
        [Turn([S, LORE, U]), Turn([S, ELVES, U, A, NEXT], TWO)],
        [S, LORE, U, A, NEXT, TWO, LAST],
        [S, LORE, U, A, ELVES, NEXT, TWO, LORE, LAST],
        ("transient",),
    ),
    Case(
        "lore where there never was any",
        [Turn([S, CARD, HELLO, U])],
        [S, LORE, CARD, HELLO, U, A, NEXT],
        change=Change(1, "edit"),
    ),
    Case(
        "lore of a user's that changes with every request",
        [Turn([S, TOLD, U]), Turn([S, RETOLD, U, A, NEXT], TWO)],
        [S, TOLD_LAST, U, A, NEXT, TWO, LAST],
        [S, RETOLD, U, A, NEXT, TWO, TOLD_LAST, LAST],
        ("transient",),
    ),
    Case(
        "but not while the model is at work",
        [Turn([S, TOLD, U]), Turn([S, RETOLD, U, A, NEXT], CALLS)],
        [S, TOLD_LAST, U, A, NEXT, CALLS, RESULT],
        change=Change(1, "edit"),
    ),
    Case(
        "a question that a user edits with every request",
        [Turn([S, TOLD]), Turn([S, RETOLD, A, NEXT], TWO)],
        [S, TOLD_LAST, A, NEXT, TWO, LAST],
        change=Change(1, "edit"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_client_puts_in_and_takes_out_stays_where_it_was_read(case: Case) -> None:
    assert_undone(case)


@pytest.mark.parametrize(
    ("gaps", "roles"),
    [
        ([([S, LORE], [S]), ([U], [LORE, U])], {"system"}),
        ([([S, TOLD, U], [S, U]), ([NEXT], [TOLD, NEXT])], {"user"}),
        ([([U], [U]), ([LORE], [ELVES])], {"system"}),
        ([([U], [NEXT])], set()),
        ([([S, U], [LORE, U])], set()),
    ],
    ids=["instructions", "words of a user", "changed in their place", "edited", "the lead"],
)
def test_what_is_gone_in_one_gap_and_new_in_another_moves(
    gaps: list[tuple[list[Json], list[Json]]], roles: set[str]
) -> None:
    pairs = [(messages(*before), messages(*after)) for before, after in gaps]

    assert moving(pairs) == roles
