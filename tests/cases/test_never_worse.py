"""No case costs more through the proxy than without it, and branches keep a slot each."""

from pathlib import Path

import pytest

from tests.cases.replay import FOLDER, load, replay
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))


def test_the_cases_are_found() -> None:
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_through_the_proxy_a_case_costs_no_more(name: str, tmp_path: Path) -> None:
    case = load(name)
    direct = replay(case, tmp_path, through=False)
    through = replay(case, tmp_path, through=True)

    assert through.all <= direct.all + len(case["steps"])
    assert through.own <= direct.own + len(case["steps"])


def test_branches_of_a_conversation_have_a_slot_each(tmp_path: Path) -> None:
    """Two branches, two slots: what is processed after the first request is at most three quarters."""
    case = load("branch-switch-2slots")
    direct = replay(case, tmp_path, through=False)
    through = replay(case, tmp_path, through=True)

    assert through.own - through.tokens[0] <= 0.75 * (direct.own - direct.tokens[0])
