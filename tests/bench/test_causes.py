"""What is said of random damage is true, for some of its kinds; `python -m bench causes` has all."""

import random
from dataclasses import replace

import pytest

from bench.causes.command import is_dear, is_wrong
from bench.causes.conversation import conversation
from bench.causes.kinds import KINDS, RESTORE, Kind
from bench.causes.play import Setup, Turn, played
from tests.servers.stock import stock_binary

SEED = 7
SOME = (
    *("note in front, ticks", "note in the result", "lore that changes", "frame, question cut"),
    *("white space", "window of turns", "edited and restarted"),
)
"""Their names."""
CURED = ("note behind, two, tick", "note system at the end, ticks")


def kinds(names: tuple[str, ...]) -> list[tuple[Kind, int]]:
    """Plans of the kinds of these names."""
    return [(kind, SEED) for kind in KINDS if kind.name in names]


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
def test_what_is_said_of_some_kinds_is_true() -> None:
    plans = kinds(SOME)
    turns = played(plans)

    assert len(plans) == len(SOME)
    assert [turn for turn in turns if is_wrong(turn)] == []
    told = {turn.kind.name for turn in turns if turn.line["break"] is not None}
    assert told == {kind.name for kind, _ in plans if kind.causes}


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
def test_with_the_rule_that_cures_only_what_is_new_is_read() -> None:
    turns = played(kinds(CURED), Setup(enable=(RESTORE,)))

    assert len({turn.kind.name for turn in turns}) == len(CURED)
    assert [turn for turn in turns if is_dear(turn)] == []


def test_a_conversation_is_a_function_of_its_seed() -> None:
    first, again = (list(conversation(random.Random(3), 2)) for _ in range(2))

    assert first == again
    assert first != list(conversation(random.Random(4), 2))


def test_each_kind_draws_the_same_for_one_seed() -> None:
    drafts = [step.draft for step in conversation(random.Random(5), 4)]

    for kind in KINDS:
        one, other = (kind.make(random.Random(1)) for _ in range(2))
        assert list(map(one, drafts)) == list(map(other, drafts)), kind.name


EDITED = next(kind for kind in KINDS if kind.name == "question edited")
TURN = Turn(EDITED, 1, 2, True, 500, 100, {"kind": "edit", "break": {"cause": "edit"}})


@pytest.mark.parametrize(
    ("turn", "wrong"),
    [
        (TURN, False),
        (replace(TURN, line={"kind": "edit", "break": {"cause": "clock"}}), True),
        (replace(TURN, line={"kind": "edit", "break": None}), True),
        (replace(TURN, line={"kind": "edit", "break": None}, processed_tokens=110), False),
        (replace(TURN, line={"kind": "cold", "break": None}), True),
        (replace(TURN, is_broken=False), True),
        (replace(TURN, number=0, line={"kind": "cold", "break": None}), False),
        (replace(TURN, number=0), True),
    ],
)
def test_what_is_wrong(turn: Turn, wrong: bool) -> None:
    assert is_wrong(turn) is wrong
