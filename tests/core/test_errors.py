"""Every error names the side that failed."""

import pytest

from warmprefix.core import errors
from warmprefix.core.errors import ProxyError, RefusedUpgrade, Side

SIDES = [
    pytest.param(errors.NotUnderstood, Side.PROXY, id="not-understood"),
    pytest.param(errors.StoreError, Side.PROXY, id="store"),
    pytest.param(errors.ConfigError, Side.PROXY, id="config"),
    pytest.param(errors.Unreachable, Side.BACKEND, id="unreachable"),
    pytest.param(errors.TimedOut, Side.BACKEND, id="timed-out"),
    pytest.param(errors.Disconnected, Side.BACKEND, id="disconnected"),
    pytest.param(RefusedUpgrade, Side.BACKEND, id="refused-upgrade"),
]


@pytest.mark.parametrize(("error", "side"), SIDES)
def test_an_error_has_a_side(error: type[ProxyError], side: Side) -> None:
    assert error.side is side


def test_a_refused_upgrade_keeps_the_answer() -> None:
    assert RefusedUpgrade(404).status == 404
    assert "404" in str(RefusedUpgrade(404))
