"""Noises of `bench sessions`: the hint, applied as it says, saves what it promised, or nothing can be set.

One of each kind; `python -m bench sessions --hints` has all of them. Reported cases: test_hints.py beside it.
"""

import pytest

from bench.sessions.families import FAMILIES
from bench.sessions.hints import Applied, applied
from bench.sessions.noises import NOISES
from bench.sessions.script import load_script
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]


def played(name: str, turns: int) -> Applied:
    """The session of the noise of that name, as long as that."""
    (noise,) = (noise for noise in NOISES if noise.name == name)
    return applied(load_script("household").first(turns), FAMILIES[0], noise)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("reminder in newest turn", "restore-transient-blocks"),
        ("clock at top, frozen", "freeze-volatile"),
        ("clock at end, frozen", "freeze-volatile"),
        ("clock at top, moved", "freeze-volatile"),
    ],
)
def test_a_hint_for_a_noise_saves_what_it_promised(name: str, rule: str) -> None:
    found = played(name, 2)

    assert found.commands == (f"warmprefix config set canonicalize.enable +{rule}",)
    assert found.promised > 0
    assert found.holds


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tool added", {("tool-set", "none")}),
        ("first words edited", {("edit", "none")}),
        ("all of these at once", set()),
    ],
)
def test_if_nothing_is_lost_or_nothing_can_be_set_no_setting_is_named(
    name: str, told: set[tuple[str, str]]
) -> None:
    found = played(name, 4 if name == "first words edited" else 3)

    assert {(one["cause"], one["hint"]["where"]) for one in found.before.breaks} == told
    assert found.holds
