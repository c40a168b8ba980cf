"""What a turn says of itself."""

import pytest

from warmprefix.core.explain.direct import Kept
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Outcome

READ = CacheStats(1000, 800, 200, 10, 400.0)
KEPT = Kept(700, 500, is_estimated=True)


@pytest.mark.parametrize(
    ("kept", "direct_ms", "expected"),
    [
        pytest.param(KEPT, 1400.0, (700, 1400.0), id="compared"),
        pytest.param(KEPT, None, (700, 400.0), id="the-rate-is-not-known"),
        pytest.param(None, None, (200, 400.0), id="not-compared"),
    ],
)
def test_reading_without_us_is_as_it_was_if_nothing_else_is_known(
    kept: Kept | None, direct_ms: float | None, expected: tuple[int, float]
) -> None:
    turn = Turn(
        id="t",
        client="unknown",
        endpoint="/v1/chat/completions",
        model=None,
        stream=True,
        status=200,
        outcome=Outcome.OK,
        kind=None,
        place=None,
        prefix=None,
        prompt_characters=None,
        rules=(),
        restored=(),
        stats=READ,
        times=Times(0.0, 1.0, 0.1, None),
        kept=kept,
        direct_ms=direct_ms,
    )

    assert turn.read_directly == expected
