"""No case costs more through the proxy than without it."""

from pathlib import Path
from typing import Any

import pytest

from tests.cases.replay import load, names, played, replay
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]


def test_the_cases_are_found() -> None:
    assert len(names()) >= 6


@pytest.mark.parametrize("name", names())
def test_through_the_proxy_a_case_costs_no_more(name: str) -> None:
    direct, through = played(name, through=False), played(name, through=True)

    assert through.all <= direct.all + len(direct.tokens)
    assert through.own <= direct.own + len(direct.tokens)


@pytest.mark.parametrize(
    ("name", "opts"),
    [
        ("act-then-plan", {"cache_ram": 0}),
        ("act-then-plan", {"cache_ram": 0, "slots": 2}),
        ("act-then-plan", {"kvu": True}),
        ("summary-without-tools", {"cache_ram": 8192}),
    ],
    ids=str,
)
def test_on_other_servers_it_costs_no_more_either(
    name: str, opts: dict[str, Any], tmp_path: Path
) -> None:
    """`opts`: of the server, other than those of the case."""
    case = load(name)
    case["opts"] |= opts
    direct = replay(case, tmp_path, through=False)
    through = replay(case, tmp_path, through=True)

    assert through.all <= direct.all + len(case["steps"])
    assert through.own <= direct.own + len(case["steps"])
