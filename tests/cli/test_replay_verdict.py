"""Whether a session is good enough."""

from dataclasses import replace

import pytest

from tests.cli.test_replay_text import COMPARED, TURN, step
from warmprefix.capture.replay import Step
from warmprefix.cli.replay_verdict import Figures, Limits, figures_of, is_left, missed
from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.hint import nothing
from warmprefix.pipeline.observe import Compared


def broken(
    lost: int | None, saved: int | None = None, compared: Compared | None = COMPARED
) -> Step:
    """A turn whose own prompt breaks, at the cost of `lost` tokens, of which `saved` would have been saved."""
    found = CacheBreak(
        "append", "messages[0]", 0, "clock", None, None, lost, None, "client", nothing("so")
    )
    one = step(saved=saved, compared=compared)
    return replace(one, turn=replace(one.turn, cache_break=found))


LEFT = [
    pytest.param(step(), False, id="no-break"),
    pytest.param(broken(100, 40), True, id="some-is-lost"),
    pytest.param(broken(100, 100), False, id="all-is-kept"),
    pytest.param(broken(None, None), False, id="no-counts-and-more-in-common"),
    pytest.param(
        broken(None, None, Compared(COMPARED.direct, COMPARED.direct)), True, id="nothing-gained"
    ),
    pytest.param(broken(None, None, None), True, id="not-understood"),
]


@pytest.mark.parametrize(("one", "left"), LEFT)
def test_a_break_is_left_if_something_is_still_lost(one: Step, left: bool) -> None:
    assert is_left(one) is left


def test_sums_are_by_cause() -> None:
    figures = figures_of([step(before=None), broken(100, 40), broken(50, 50)])

    assert (figures.asked, figures.reused, figures.reuse) == (2000, 1800, 0.9)
    assert (figures.breaks, figures.lost_tokens) == (1, 60)
    assert figures.causes["clock"].turns == 2


def test_a_session_of_one_turn_has_no_reuse_and_misses_nothing() -> None:
    figures = figures_of([step(before=None)])

    assert figures.reuse is None
    assert [*missed(figures, Limits(100.0, 0, 0))] == []


def test_nothing_demanded_is_nothing_missed() -> None:
    assert [*missed(Figures(100, 0), Limits())] == []
    assert [*missed(Figures(100, 0), Limits(min_reuse=50.0))] == [
        "0.0% of the prompts reused, fewer than the 50% demanded"
    ]
    assert TURN.cache_break is None
