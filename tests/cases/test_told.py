"""What is said of each request of a case: its conversation, its kind, and the cause of its break."""

import pytest

from tests.cases.replay import played
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]

Told = tuple[tuple[int, str, str | None], ...]
_OWN = (0, "append", None)
_BEGUN = (0, "cold", None)
_GONE = (0, "edit", "transient-block")
TOLD: dict[str, Told] = {
    "act-then-plan": (_BEGUN, _OWN, (1, "cold", None), _OWN, (1, "append", None)),
    "copilot-activate-tools": (_BEGUN, _OWN, (0, "tools-changed", "tool-set"), _OWN),
    "copilot-compact": (
        *(_BEGUN, _OWN, _OWN, _OWN),
        *((0, "side", None), (0, "compaction", "compaction"), _OWN),
    ),
    "freeze-user-edit": (_BEGUN, (1, "cold", None), (1, "append", None)),
    "image-first-send-only": (_BEGUN, *(_GONE,) * 5),
    "qwen35-middle-system": (_BEGUN, *((0, "edit", "edit"),) * 2),
    "role-flip": (_BEGUN, _OWN, (0, "edit", "edit"), *(_OWN,) * 5),
    "summary-without-tools": (
        *(_BEGUN, (0, "edit", "edit"), (0, "edit", "edit")),
        *((0, "side", None), (0, "edit", "edit")),
    ),
    "vscode-autopilot": (_BEGUN, *(_OWN,) * 5, (0, "edit", "edit"), _OWN, _OWN),
}
"""The number of the conversation, in the order in which they begin; the kind; the cause of the break."""


@pytest.mark.parametrize("name", TOLD)
def test_a_case_is_told_as_what_it_is(name: str) -> None:
    log = played(name, through=True).log

    names = list(dict.fromkeys(turn["conversation"] for turn in log))
    found = tuple(
        (names.index(turn["conversation"]), turn["kind"], (turn["break"] or {}).get("cause"))
        for turn in log
    )
    assert found == TOLD[name]


def test_what_a_template_refuses_is_answered() -> None:
    """The case has a system message behind the first one, and asks again with each question."""
    through = played("qwen35-middle-system", through=True)

    assert [turn["rules"] for turn in through.log] == [["fold-system"]] * 3
    first, *others = through.tokens
    assert all(tokens < first / 5 for tokens in others)
