"""What a turn says of itself."""

import pytest

from warmprefix.core.memory.ledger import Place
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Kind, Outcome

PLACE = Place("c", 1, "t", Kind.APPEND, 2)
KINDS = [
    pytest.param(PLACE, False, Kind.APPEND, id="where-it-stands"),
    pytest.param(PLACE, True, Kind.SIDE, id="side-request-is-part-of-none"),
    pytest.param(None, False, None, id="body-not-understood"),
]


@pytest.mark.parametrize(("place", "side", "expected"), KINDS)
def test_a_turn_has_a_kind(place: Place | None, side: bool, expected: Kind | None) -> None:
    turn = Turn(
        id="t",
        client="unknown",
        endpoint="/v1/chat/completions",
        model=None,
        stream=True,
        status=200,
        outcome=Outcome.OK,
        side=side,
        place=place,
        prefix=None,
        prompt_characters=None,
        rules=(),
        restored=(),
        stats=CacheStats(),
        times=Times(0.0, 1.0, 0.1, None),
    )

    assert turn.kind is expected
