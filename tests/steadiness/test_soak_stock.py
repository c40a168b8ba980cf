"""What the soak counts of a stock llama-server: a turn is lost only if the server was up all the time."""

from typing import Any, cast

import pytest

from bench.soak.stock import Stock
from tests.servers.stock import StockServer

ANSWER = {"usage": {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 80}}}


@pytest.mark.parametrize(
    ("answer", "was_up", "can_share", "expected"),
    [
        pytest.param(ANSWER, True, True, (0, 100, 80), id="a-later-turn"),
        pytest.param(ANSWER, True, False, (0, 0, 0), id="a-first-turn-has-nothing-to-share"),
        pytest.param(ANSWER, False, False, (0, 0, 0), id="an-empty-cache-after-a-kill"),
        pytest.param(None, True, True, (1, 0, 0), id="lost"),
        pytest.param(None, False, False, (0, 0, 0), id="failed-beside-a-kill"),
    ],
)
def test_a_turn(
    answer: dict[str, Any] | None, was_up: bool, can_share: bool, expected: tuple[int, int, int]
) -> None:
    stock = Stock(cast(StockServer, None))

    stock.note(answer, was_up=was_up, can_share=can_share)

    assert (stock.lost, stock.prompt, stock.cached) == expected


def test_the_line_of_the_report() -> None:
    stock = Stock(cast(StockServer, None), changes=3)
    stock.note(ANSWER, was_up=True, can_share=True)
    stock.note(None, was_up=False, can_share=False)

    assert stock.told() == (
        "stock llama-server, 2 kills: 1 answered, 1 failed beside a kill; 80.0% of later turns cached"
    )
