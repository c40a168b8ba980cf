"""With the rule that is made for it, a case costs what its new text costs."""

from pathlib import Path

import pytest

from tests.cases.replay import Evaluated, load, replay
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]
FREEZE, MOVE, RESTORE = "freeze-volatile", "move-volatile", "restore-transient-blocks"
CASES = [
    ("librechat-iso-top", (FREEZE,)),
    ("librechat-iso-top", (MOVE,)),
    ("goose-turn-context", (RESTORE,)),
    ("goose-moim", (RESTORE,)),
    ("odysseus-clock-message", (FREEZE, RESTORE)),
    ("openwebui-rag", (RESTORE,)),
    ("sillytavern-depth4", (RESTORE,)),
    ("image-first-send-only", (RESTORE,)),
    ("context-refreshed", (RESTORE,)),
    ("openclaw-trailing-message", (RESTORE,)),
    ("trailing-reminder-message", (RESTORE,)),
    ("date-in-first-user-message", (FREEZE,)),
    ("frame-cuts-question", (RESTORE,)),
    ("headings-in-a-loop", (RESTORE,)),
    ("lorebook-changes", (RESTORE,)),
    ("tool-description-flip", ("freeze-tool-descriptions",)),
]


_ALSO_RESTARTED = {
    "librechat-iso-top",
    "odysseus-clock-message",
    "openwebui-rag",
    "trailing-reminder-message",
}
"""One of each kind: a restart takes a second."""
_REPLY, _END = "<|im_start|>assistant", "<|im_end|>"
_TEMPLATE = 24
"""Tokens of the marks around a message, which stand in no text of the client."""


@pytest.mark.parametrize(("name", "rules"), CASES, ids=str)
def test_a_case_reads_only_what_is_new(name: str, rules: tuple[str, ...], tmp_path: Path) -> None:
    _assert_reads_only_what_is_new(replay(load(name), tmp_path, through=True, enable=rules))


RESTARTED = [case for case in CASES if case[0] in _ALSO_RESTARTED]


@pytest.mark.parametrize(("name", "rules"), RESTARTED, ids=str)
def test_it_does_so_if_the_proxy_is_restarted_before_each_turn(
    name: str, rules: tuple[str, ...], tmp_path: Path
) -> None:
    found = replay(load(name), tmp_path, through=True, enable=rules, restarts=True)
    _assert_reads_only_what_is_new(found)


def _assert_reads_only_what_is_new(through: Evaluated) -> None:
    for at, (prompt, tokens) in enumerate(through.prompts[1:], 1):
        own = tokens * len(_new(prompt)) / len(prompt)
        assert through.tokens[at] <= 1.1 * own + _TEMPLATE, at


def _new(prompt: str) -> str:
    """What stands behind the last reply of a rendered prompt."""
    invitation = prompt.rindex(_REPLY)
    return prompt[prompt.index(_END, prompt.rindex(_REPLY, 0, invitation)) : invitation]
