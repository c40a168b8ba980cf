"""What a slot is said to hold, and what a request shares with it."""

import pytest

from warmprefix.core.slots.slot import NOTHING, Content, Share, Slot
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import Prompt

SOMETHING = Content(Held("a", (b"a",), b"head", 1000), Prompt(()))


@pytest.mark.parametrize(
    ("share", "similarity", "kept"),
    [
        pytest.param(Share(300, 400, 600), 0.5, 0.75, id="some-of-both"),
        pytest.param(NOTHING, 0.0, 1.0, id="an-empty-slot-loses-nothing"),
        pytest.param(Share(0, 400, 0), 0.0, 0.0, id="an-empty-request"),
    ],
)
def test_a_share_is_of_the_request_and_of_the_slot(
    share: Share, similarity: float, kept: float
) -> None:
    assert (share.similarity, share.kept) == (similarity, kept)


@pytest.mark.parametrize(
    ("slot", "is_empty"),
    [
        pytest.param(Slot(0), True, id="never-used"),
        pytest.param(Slot(0, 1000, 1, SOMETHING), False, id="of-a-conversation"),
        pytest.param(Slot(0, 1000, 1, is_known=False), False, id="not-known"),
    ],
)
def test_a_slot_is_empty_only_if_that_is_known(slot: Slot, is_empty: bool) -> None:
    assert slot.is_empty == is_empty
