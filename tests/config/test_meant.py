"""Which setting is suggested for a name that no setting has."""

import pytest

from warmprefix.config.meant import OTHER_WORDS, meant
from warmprefix.config.schema import KEYS

MEANT = [
    ("alike", "server.prot", "server.port"),
    ("another-word", "log.path", "log.file"),
    ("the-other-way", "memory.file", "memory.path"),
    ("of-two-words-that-of-the-section", "server.address", "server.host"),
    ("its-own-section-first", "slots.path", "slots.save_path"),
    ("of-another-section", "server.connect_timeout_s", "backend.connect_timeout_s"),
    ("section-alike", "sever.port", "server.port"),
]


@pytest.mark.parametrize(
    ("given", "expected"), [row[1:] for row in MEANT], ids=[row[0] for row in MEANT]
)
def test_what_was_meant(given: str, expected: str) -> None:
    assert meant(given) == expected


@pytest.mark.parametrize("given", ["log.zzzz", "log.path_of_the_moon", "zzzz.yyyy", "prewarm.path"])
def test_a_wrong_guess_is_none(given: str) -> None:
    """`memory.path` is no answer to a path of something else, nor is one of several settings of that name."""
    assert meant(given) is None


def test_other_words_are_no_settings_of_the_same_section() -> None:
    names = {key.name for key in KEYS.values()}

    assert all(word in names for words in OTHER_WORDS.values() for word in words)
