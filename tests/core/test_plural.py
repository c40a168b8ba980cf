"""A count is followed by a noun that agrees with it."""

import re
from pathlib import Path

import pytest

from warmprefix.core.plural import plural


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 turns"),
        (1, "1 turn"),
        (1.0, "1 turn"),
        (1.4, "1 turn"),
        (2, "2 turns"),
        (12034, "12,034 turns"),
    ],
)
def test_a_count_with_its_noun(count: float, said: str) -> None:
    assert plural(count, "turn") == said


def test_what_follows_may_be_more_than_a_noun() -> None:
    assert plural(1, "reply was lost", "replies were lost") == "1 reply was lost"
    assert plural(3, "reply was lost", "replies were lost") == "3 replies were lost"


SOURCES = sorted((Path(__file__).parents[2] / "proxy").rglob("*.py"))
UNAGREED = re.compile(
    r"\{[^{}A-Z]+:,(?:\.0f)?\} (?:[a-z]+ )?(?:tokens|turns|characters|bytes|messages|lines|slots|breaks)\b"
)


def test_no_text_writes_a_noun_behind_a_count_by_itself() -> None:
    found = {file.name: UNAGREED.findall(file.read_text("utf-8")) for file in SOURCES}

    assert UNAGREED.search('f"{lost:,} tokens read"')
    assert {name: texts for name, texts in found.items() if texts} == {}
