"""What a server that shifts its cache would have used: vanished parts, not replaced ones."""

import pytest

from tests.builders import system, user
from tests.chat_dialect import chat_message
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.explain.shifted import shifted_tokens
from warmprefix.core.types import CacheStats, Prompt

HEAD, BLOCK, REST, NEW = "h" * 100, "b" * 200, "".join(map(str, range(500))), "n" * 50
NOTHING = Prompt(())


def counted(text: str, cached: int) -> CacheStats:
    """One token is a character."""
    return CacheStats(len(text), cached, len(text) - cached)


@pytest.mark.parametrize(
    ("before", "after", "shifted"),
    [
        pytest.param(HEAD + BLOCK + REST, HEAD + REST + NEW, len(REST), id="vanished"),
        pytest.param(HEAD + BLOCK + REST, HEAD + NEW + REST, 0, id="replaced"),
        pytest.param(HEAD + REST, HEAD + BLOCK + REST, 0, id="inserted"),
        pytest.param(HEAD + BLOCK + REST, HEAD + REST[:80] + NEW, 0, id="too-short"),
        pytest.param(
            HEAD + BLOCK + REST[:700] + BLOCK + REST[700:], HEAD + REST, len(REST) - 1,
            id="vanished-twice",
        ),
    ],
)  # fmt: skip
def test_what_follows_a_gap_is_shifted(before: str, after: str, shifted: int) -> None:
    stats = counted(after, len(HEAD))

    assert shifted_tokens((before, after), NOTHING, NOTHING, stats, 100, Reaches()) == shifted


def test_what_was_shifted_already_is_not_promised_again() -> None:
    before, after = HEAD + BLOCK + REST, HEAD + REST + NEW
    stats = counted(after, len(HEAD) + len(REST))

    assert shifted_tokens((before, after), NOTHING, NOTHING, stats, 100, Reaches()) == 0


@pytest.mark.parametrize("cached", [0, len(HEAD) // 2])
def test_nothing_is_shifted_out_of_a_slot_that_was_not_chosen(cached: int) -> None:
    before, after = HEAD + BLOCK + REST, HEAD + REST + NEW

    assert (
        shifted_tokens((before, after), NOTHING, NOTHING, counted(after, cached), 100, Reaches())
        == 0
    )


def test_without_a_common_beginning_nothing_is_known_of_the_slot() -> None:
    before, after = BLOCK + REST, REST + NEW

    assert shifted_tokens((before, after), NOTHING, NOTHING, counted(after, 0), 100, Reaches()) == 0


def test_without_counts_nothing_is_said() -> None:
    assert shifted_tokens(("a", "b"), NOTHING, NOTHING, CacheStats(), 100, Reaches()) is None


def test_without_a_rendering_the_messages_are_compared() -> None:
    messages = [system("Be brief."), user("b" * 400), user(REST)]
    before = Prompt(tuple(chat_message(m["role"], m["content"]) for m in messages))
    after = Prompt((before.messages[0], before.messages[2]))
    stats = CacheStats(1600, 90, 1510)

    found = shifted_tokens(None, before, after, stats, 100, Reaches())

    assert found is not None
    assert found > 1380
