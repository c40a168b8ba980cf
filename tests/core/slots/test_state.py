"""What `/slots` says is taken as evidence, or not at all."""

import pytest

from warmprefix.core.slots.state import SlotState, slot_states

NEVER_USED = {"id": 0, "n_ctx": 32768, "speculative": False, "is_processing": False}
USED = {
    **NEVER_USED,
    "id": 1,
    "id_task": 7,
    "n_prompt_tokens": 24,
    "n_prompt_tokens_processed": 3,
    "n_prompt_tokens_cache": 18,
}
CLEARED = {**USED, "id": 2, "n_prompt_tokens": 0}
BUSY = {**USED, "id": 3, "is_processing": True}
# As llama-server b11669 writes them.


def test_a_slot_is_unused_held_cleared_or_busy() -> None:
    states = slot_states([NEVER_USED, USED, CLEARED, BUSY])

    assert states == (
        SlotState(0, False, None, None, None, None),
        SlotState(1, False, 24, 7, 3, 18),
        SlotState(2, False, 0, 7, 3, 18),
        SlotState(3, True, 24, 7, 3, 18),
    )
    assert [state.is_unused for state in states] == [True, False, False, False]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"error": {"code": 501}},
        [],
        [NEVER_USED, 1],
        [{"n_ctx": 2048}],
        [{**NEVER_USED, "id": True}],
        [{**NEVER_USED, "is_processing": "no"}],
        [USED, {**NEVER_USED, "id": -1}],
        [{**NEVER_USED, "id_task": 7}],
        [USED, {**USED, "id": 7}],
    ],
    ids=[
        "nothing",
        "an-error",
        "no-slots",
        "no-object",
        "no-id",
        "an-id-that-is-no-number",
        "busy-is-no-truth",
        "an-id-below-zero",
        "used-but-nobody-says-how-much",
        "a-number-left-out",
    ],
)
def test_what_is_not_understood_says_nothing(value: object) -> None:
    assert slot_states(value) == ()


def test_a_slot_that_an_older_build_calls_unused_is_unused() -> None:
    (state,) = slot_states([{**NEVER_USED, "id_task": -1}])

    assert state.is_unused
