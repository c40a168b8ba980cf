"""How long reading a prompt would have taken without us."""

from dataclasses import replace

import pytest

from tests.log.test_turns import TURN
from warmprefix.core.explain.direct import Kept
from warmprefix.core.turn import Turn
from warmprefix.core.types import CacheStats
from warmprefix.log.rates import RATE_TOKENS, RATES, Rates, read_directly


def turn(processed: int | None, took_ms: float | None, kept: int | None, model: str = "m") -> Turn:
    """A turn that read this, and kept so many tokens; None: it was not compared."""
    compared = None if kept is None else Kept((processed or 0) + kept, kept, is_estimated=True)
    stats = CacheStats(None, None, processed, 1, took_ms)
    return replace(TURN, model=model, stats=stats, kept=compared)


FAST = turn(500, 1000.0, 0)
DIRECT = [
    ("own-rate", [turn(500, 1000.0, 300)], 1600.0),
    ("nothing-kept", [turn(1, 75.0, 0)], 75.0),
    ("more-was-read-than-directly", [turn(500, 1000.0, -100)], 800.0),
    ("never-below-nothing", [FAST, turn(10, 1.0, -9)], 0.0),
    ("the-last-rate-of-the-model", [FAST, turn(RATE_TOKENS - 1, 900.0, 100)], 1100.0),
    ("not-the-rate-of-another", [FAST, turn(1, 75.0, 100, "other")], None),
    ("too-few-tokens-for-a-rate", [turn(RATE_TOKENS - 1, 900.0, 100)], None),
    ("not-compared", [turn(500, 1000.0, None)], None),
    ("no-time-reported", [FAST, turn(500, None, 300)], None),
]  # fmt: skip


@pytest.mark.parametrize(("turns", "direct"), [r[1:] for r in DIRECT], ids=[r[0] for r in DIRECT])
def test_what_was_kept_counts_at_a_rate_that_was_measured(
    turns: list[Turn], direct: float | None
) -> None:
    rates = Rates()
    found = [rates.direct_ms(each) for each in turns]

    assert found[-1] == (direct if direct is None else pytest.approx(direct))


def test_rates_of_many_models_do_not_pile_up() -> None:
    rates = Rates()
    for number in range(RATES + 1):
        rates.of(f"m{number}", FAST.stats)

    assert rates.of("m0", CacheStats()) is None
    assert rates.of(f"m{RATES}", CacheStats()) == 2.0


@pytest.mark.parametrize(
    ("kept", "direct_ms", "expected"),
    [
        pytest.param(Kept(700, 500, is_estimated=True), 1400.0, (700, 1400.0), id="compared"),
        pytest.param(Kept(700, 500, is_estimated=True), None, (700, 400.0), id="no-rate-is-known"),
        pytest.param(None, None, (200, 400.0), id="not-compared"),
    ],
)
def test_reading_without_us_is_as_it_was_if_nothing_else_is_known(
    kept: Kept | None, direct_ms: float | None, expected: tuple[int, float]
) -> None:
    stats = CacheStats(1000, 800, 200, 10, 400.0)

    assert read_directly(replace(TURN, stats=stats, kept=kept, direct_ms=direct_ms)) == expected
