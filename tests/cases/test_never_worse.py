"""No case costs more through the proxy than without it."""

from pathlib import Path

import pytest

from tests.cases.replay import load, names, replay
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]


def test_the_cases_are_found() -> None:
    assert len(names()) >= 6


@pytest.mark.parametrize("name", names())
def test_through_the_proxy_a_case_costs_no_more(name: str, tmp_path: Path) -> None:
    case = load(name)
    direct = replay(case, tmp_path, through=False)
    through = replay(case, tmp_path, through=True)

    assert through.all <= direct.all + len(case["steps"])
    assert through.own <= direct.own + len(case["steps"])
