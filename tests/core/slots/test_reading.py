"""A slot as `/slots` shows it, against what is remembered of it."""

from dataclasses import replace

import pytest

from warmprefix.core.slots.reading import as_seen
from warmprefix.core.slots.slot import LEAST_LOSS_TOKENS, Content, Slot
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.slots.state import SlotState
from warmprefix.core.types import Prompt

CONTENT = Content(Held("a", (b"a",), b"", 1000), Prompt(()))
HELD = Slot(0, 1000, 7, CONTENT)
PLACED = replace(HELD, task=None)
RESTORED = replace(HELD, task=None)


def said(tokens: int | None, task: int | None, *, is_busy: bool = False) -> SlotState:
    return SlotState(0, is_busy, tokens, task, None, None)


@pytest.mark.parametrize(
    ("slot", "state", "seen"),
    [
        pytest.param(HELD, said(1000, 7), HELD, id="as-it-was"),
        pytest.param(PLACED, said(1000, 9), replace(HELD, task=9), id="its-task-is-learnt"),
        pytest.param(
            replace(HELD, is_busy=True), said(5, 9), replace(HELD, is_busy=True), id="ours-runs"
        ),
        pytest.param(
            HELD, said(50, 9, is_busy=True), Slot(0, None, None, is_known=False), id="others-run"
        ),
        pytest.param(HELD, said(0, 7), Slot(0, 0, 7), id="cleared"),
        pytest.param(HELD, said(1000, 9), Slot(0, 1000, 9, is_known=False), id="another-task"),
        pytest.param(HELD, said(800, 7), Slot(0, 800, 7, is_known=False), id="other-tokens"),
        pytest.param(
            HELD, said(LEAST_LOSS_TOKENS - 1, 9), Slot(0, LEAST_LOSS_TOKENS - 1, 9), id="too-little"
        ),
        pytest.param(RESTORED, said(None, None), RESTORED, id="restored-where-nothing-ran"),
        pytest.param(HELD, said(None, None), Slot(0, 0, None), id="started-anew"),
    ],
)
def test_a_slot_as_it_is_seen(slot: Slot, state: SlotState, seen: Slot) -> None:
    assert as_seen(slot, state) == seen
