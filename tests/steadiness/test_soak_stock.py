"""What the soak counts of a stock llama-server: a turn is lost only if the server was up all the time."""

from typing import Any, cast

import pytest

from bench.soak.stock import Stock
from tests.servers.stock import StockServer

ANSWER = {"usage": {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 80}}}


@pytest.mark.parametrize(
    ("answer", "turn", "is_whole", "expected"),
    [
        pytest.param(ANSWER, 1, True, (0, 100, 80), id="a-later-turn"),
        pytest.param(ANSWER, 0, True, (0, 0, 0), id="a-first-turn-has-nothing-to-share"),
        pytest.param(ANSWER, 1, False, (0, 0, 0), id="an-empty-cache-after-a-kill"),
        pytest.param(None, 1, True, (1, 0, 0), id="lost"),
        pytest.param(None, 1, False, (0, 0, 0), id="failed-beside-a-kill"),
    ],
)
def test_a_turn(
    answer: dict[str, Any] | None, turn: int, is_whole: bool, expected: tuple[int, int, int]
) -> None:
    stock = Stock(cast(StockServer, None))

    stock.note(answer, turn, is_whole=is_whole)

    assert (stock.lost, stock.prompt, stock.cached) == expected


def test_the_line_of_the_report() -> None:
    stock = Stock(cast(StockServer, None), kills=2)
    stock.note(ANSWER, 1, is_whole=True)
    stock.note(None, 1, is_whole=False)

    assert stock.told() == (
        "stock llama-server, 2 kills: 1 answered, 1 failed beside a kill; 80.0% of later turns cached"
    )
