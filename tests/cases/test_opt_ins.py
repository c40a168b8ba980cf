"""With the rule that is made for it, a case costs what its new text costs."""

from pathlib import Path

import pytest

from tests.cases.replay import load, replay
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
    ("tool-description-flip", ("freeze-tool-descriptions",)),
]


_REPLY, _END = "<|im_start|>assistant", "<|im_end|>"
_TEMPLATE = 24
"""Tokens of the marks around a message, which stand in no text of the client."""


@pytest.mark.parametrize(("name", "rules"), CASES, ids=str)
def test_a_case_reads_only_what_is_new(name: str, rules: tuple[str, ...], tmp_path: Path) -> None:
    through = replay(load(name), tmp_path, through=True, enable=rules)

    for at, (prompt, tokens) in enumerate(through.prompts[1:], 1):
        own = tokens * len(_new(prompt)) / len(prompt)
        assert through.tokens[at] <= 1.1 * own + _TEMPLATE, at


def _new(prompt: str) -> str:
    """What stands behind the last reply of a rendered prompt."""
    invitation = prompt.rindex(_REPLY)
    return prompt[prompt.index(_END, prompt.rindex(_REPLY, 0, invitation)) : invitation]
