"""The law on random traffic: six fixed plans, one of each kind, on six stock servers."""

from functools import cache

import pytest

from bench.never_worse.command import pair
from bench.never_worse.settings import MODELS, SETTINGS
from bench.never_worse.traffic import plan_of
from bench.never_worse.verdict import Pair
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]
PLANS = {
    "no flags": 0,
    "-np 2 -kvu": 1,
    "no flags, saving": 2,
    "-np 4": 3,
    "-np 2 --cache-ram 0": 4,
    "-np 1": 5,
}


@cache
def played(name: str) -> Pair:
    """The plan of that server, directly and through the proxy."""
    return pair(plan_of(PLANS[name]), setting=SETTINGS[name], model=MODELS["full"])


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_costs_hardly_more_through_the_proxy(name: str) -> None:
    assert played(name).broken() is None


def test_a_restart_that_nobody_saw_does_not_have_an_old_file_restored() -> None:
    """The server was killed and is back between two requests; what it read since is in its RAM cache."""
    found = pair(plan_of(206), setting=SETTINGS["-np 1, saving"], model=MODELS["full"])

    assert found.broken() is None


def test_all_plans_together_cost_no_more_through_the_proxy() -> None:
    pairs = [played(name) for name in PLANS]

    assert sum(one.through for one in pairs) <= sum(one.direct for one in pairs), pairs
