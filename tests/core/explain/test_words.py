"""A cause or a side without words would be shown by its bare name."""

from typing import get_args

from warmprefix.core.explain.cache_break import Side
from warmprefix.core.explain.cures import CAUSES
from warmprefix.core.explain.words import CAUSES as CAUSE_WORDS
from warmprefix.core.explain.words import SIDES


def test_every_cause_and_every_side_has_words() -> None:
    assert set(CAUSE_WORDS) == CAUSES
    assert set(SIDES) == set(get_args(Side))


def test_words_go_into_a_sentence() -> None:
    for words in (*CAUSE_WORDS.values(), *SIDES.values()):
        assert words[0].islower()
        assert words[-1] != "."
