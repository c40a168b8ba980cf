"""The patterns of text that changes by itself: each finds its own example, and is told apart."""

import pytest

from warmprefix.profiles.volatile import VolatilePattern, frozen_patterns, volatile_patterns

PATTERNS = volatile_patterns()


@pytest.mark.parametrize("row", PATTERNS, ids=lambda row: row.id)
def test_a_pattern_finds_its_example(row: VolatilePattern) -> None:
    assert row.pattern.search(f"Be brief.\n\n{row.example}")
    assert row.client
    assert row.cause
    assert row.source


@pytest.mark.parametrize("row", PATTERNS, ids=lambda row: row.id)
def test_a_pattern_finds_nothing_in_plain_words(row: VolatilePattern) -> None:
    assert not row.pattern.search("Be brief.\nAnswer in the language of the question.")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("row", PATTERNS, ids=lambda row: row.id)
def test_a_pattern_reads_a_long_text_in_one_pass(row: VolatilePattern) -> None:
    """Minutes where a pattern begins anew at every place of the text."""
    for text in ("a " * 200_000, row.example[:-1] + "\n", "\n" * 200_000, "1" * 200_000):
        row.pattern.search(text)


def test_patterns_are_told_apart() -> None:
    assert len({row.id for row in PATTERNS}) == len(PATTERNS)


def test_only_patterns_to_freeze_are_acted_on() -> None:
    to_freeze = [row.pattern for row in PATTERNS if row.use == "freeze"]

    assert list(frozen_patterns()) == to_freeze
    assert 0 < len(to_freeze) < len(PATTERNS)
