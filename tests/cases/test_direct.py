"""Without the proxy the cases cost what was measured with them: the replay is right."""

import pytest

from tests.cases.replay import played
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("three-default", (2320, 2307, 2309, 295, 300, 296, 291, 299, 300, 297, 302, 291)),
        ("owui-title-default", (2303, 2632, 294, 1121, 295, 1123, 292, 1118)),
        ("owui-rag-header-2slots", (2808, 487, 1277, 1, 1289, 1)),
        ("branch-switch-2slots", (1971, 290, 299, 428, 415, 1244, 1253, 2073, 2085)),
    ],
)
def test_a_case_costs_directly_what_it_was_reported_with(
    name: str, tokens: tuple[int, ...]
) -> None:
    assert played(name, through=False).tokens == tokens
