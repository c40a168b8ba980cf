"""What was put back, and need not be said again."""

import pytest

from tests.builders import Json, assistant, system, user
from tests.core.memory.histories import NEXT, A, S, U, messages, ticks
from warmprefix.core.memory.anchors import Cut
from warmprefix.core.memory.put_back import PutBack

DRAGONS, ELVES = system("[Lore: dragons.]"), system("[Lore: elves.]")
TEN, ELEVEN = user("10:00"), user("11:00")


def put_back(client: list[Json], ours: list[Json], *, may_tick: bool = True) -> PutBack:
    theirs, sent = Cut(messages(*client)), Cut(messages(*ours))
    return PutBack(theirs, sent, ticks, may_tick=may_tick)


@pytest.mark.parametrize(
    ("client", "ours", "now", "said"),
    [
        ([S, DRAGONS, U], [S, DRAGONS, U], [DRAGONS, NEXT], [1]),
        ([S, U, A, NEXT], [S, DRAGONS, U, A, NEXT], [DRAGONS, NEXT], [1]),
        ([S, U, A, ELVES, NEXT], [S, DRAGONS, U, A, ELVES, NEXT], [DRAGONS, NEXT], [0, 1]),
        ([S, U, A, DRAGONS, NEXT], [S, DRAGONS, U, A, ELVES, NEXT], [DRAGONS, NEXT], [1]),
        ([S, DRAGONS, U], [S, DRAGONS, U], [A, DRAGONS], [0]),
        ([S, DRAGONS, U], [S, DRAGONS, U], [ELVES, NEXT], [0, 1]),
    ],
    ids=[
        "said in the turn before",
        "nothing of the kind was said since",
        "another one was",
        "and this one again",
        "behind a reply",
        "never said",
    ],
)
def test_what_still_counts_need_not_be_said_again(
    client: list[Json], ours: list[Json], now: list[Json], said: list[int]
) -> None:
    found = put_back(client, ours)
    found.add(messages(DRAGONS, U), messages(U))

    assert list(found.not_in(messages(*now))) == said


@pytest.mark.parametrize(("may_tick", "said"), [(True, [1]), (False, [0, 1])])
def test_a_clock_that_moves_on_is_the_same_if_it_may_tick(may_tick: bool, said: list[int]) -> None:
    found = put_back([S, U, A, ELEVEN, NEXT], [S, TEN, U, A, NEXT], may_tick=may_tick)
    found.add(messages(TEN, U), messages(U))

    assert list(found.not_in(messages(user("12:00"), NEXT))) == said


def test_replies_are_not_among_what_counts() -> None:
    assert put_back([A], [assistant("Ok.")]).in_force == frozenset()
