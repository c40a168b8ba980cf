"""Every hint is a cure: applied as it says, it saves what it promised; or it says that nothing can be set.

The cases are sessions from public reports and the smallest pairs of real clients, in hints/.
"""

from pathlib import Path

import pytest

from tests.cases.apply import applied, hints_of
from tests.cases.replay import FOLDER, played
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]

CURED = {
    "copilot-activate-tools": "--cache-reuse",
    "copilot-compact": "--cache-ram",
    "context-refreshed": "restore-transient-blocks",
    "date-in-first-user-message": "freeze-volatile",
    "frame-cuts-question": "restore-transient-blocks",
    "goose-moim": "restore-transient-blocks",
    "goose-turn-context": "restore-transient-blocks",
    "image-first-send-only": "restore-transient-blocks",
    "headings-in-a-loop": "restore-transient-blocks",
    "librechat-iso-top": "freeze-volatile",
    "lorebook-changes": "restore-transient-blocks",
    "nanobot-window": "--cache-reuse",
    "odysseus-clock-message": "restore-transient-blocks",
    "openclaw-trailing-message": "restore-transient-blocks",
    "openwebui-rag": "restore-transient-blocks",
    "sillytavern-depth4": "restore-transient-blocks",
    "tool-description-flip": "freeze-tool-descriptions",
    "trailing-reminder-message": "restore-transient-blocks",
}
"""Cases with a hint that can be applied here, and what it names."""

MORE = frozenset(
    {
        "goose-turn-context",
        "openclaw-trailing-message",
        "sillytavern-depth4",
        "trailing-reminder-message",
    }
)
"""More is saved than was promised: a rule that is on keeps later turns from breaking, too, and a message that
has moved on is not read again."""

PRICED = {"branch-switch-2slots": ("separate_branches", 3184)}
"""Cases whose hint names a price, and how many tokens that is: what two branches share is read once more."""

UNCURED = {
    "odysseus-memories": ("edit", "none"),
    "opencode-prune": ("edit", "client"),
    "qwen3-thinking-constant-off": ("invitation", "none"),
    "role-flip": ("edit", "none"),
    "summary-without-tools": ("edit", "none"),
    "vscode-autopilot": ("edit", "none"),
    "vscode-session-log": ("id", "none"),
}
"""Cases in which nothing of ours or of the server's helps: the cause, and whose setting is named."""

UNBROKEN = (
    "freeze-user-edit",
    "option-flips",
    "textgen-newlines",
    "tool-choice-only",
)
"""Cases in which options change that the template does not print, a question that is asked in other words, and
one that is cured without asking."""

SHARE = 0.05


@pytest.mark.parametrize("name", CURED)
def test_a_hint_saves_what_it_promised_and_is_not_given_again(name: str, tmp_path: Path) -> None:
    cure = applied(name, tmp_path)

    assert CURED[name] in " ".join((*cure.commands, *cure.flags))
    assert cure.promised > 0
    expected = cure.before.all - cure.promised
    assert cure.after.all <= (1 + SHARE) * expected
    if name not in MORE:
        assert cure.after.all >= (1 - SHARE) * expected
    again = [hint["command"] or hint["paste"] for hint in hints_of(cure.after.log)]
    assert not {*cure.commands, " ".join(cure.flags)} & {*again}


@pytest.mark.parametrize("name", PRICED)
@pytest.mark.parametrize("saves", [False, True], ids=["no-files", "files"])
def test_a_hint_with_a_price_saves_the_rest(name: str, saves: bool, tmp_path: Path) -> None:
    setting, price = PRICED[name]
    cure = applied(name, tmp_path, saves=saves)

    assert all(setting in command for command in cure.commands)
    paid = cure.promised - cure.saved
    assert paid == pytest.approx(0 if saves else price, abs=SHARE * price)
    again = {hint["command"] for hint in hints_of(cure.after.log)}
    assert not {*cure.commands} & again


@pytest.mark.parametrize("name", UNCURED)
def test_if_nothing_of_ours_helps_the_hint_says_so(name: str) -> None:
    log = played(name, through=True).log
    breaks = [turn["break"] for turn in log if turn["break"] is not None]

    assert UNCURED[name] in {(found["cause"], found["hint"]["where"]) for found in breaks}
    assert {found["hint"]["where"] for found in breaks} == {UNCURED[name][1]}
    pasted = [found["hint"]["paste"] is not None for found in breaks]
    assert pasted == [UNCURED[name][1] != "none"] * len(breaks)


@pytest.mark.parametrize("name", UNBROKEN)
def test_nothing_is_lost_so_nothing_is_said(name: str) -> None:
    assert hints_of(played(name, through=True).log) == []


def test_each_case_is_in_one_of_the_tables() -> None:
    names = sorted(file.stem for file in (FOLDER / "hints").glob("*.json"))

    assert sorted([*CURED, *PRICED, *UNCURED, *UNBROKEN]) == names
