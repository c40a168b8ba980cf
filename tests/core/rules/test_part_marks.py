"""Marks on text parts are dropped; the parts stay."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.part_marks import RULE

TEXT = {"type": "text", "text": "x"}
MARK = {"cache_control": {"type": "ephemeral"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}


def parts(*content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


TABLE = [
    Change(
        "cache-control",
        [parts(TEXT | MARK)],
        [parts(TEXT)],
        "captured with hermes-agent 0.19.0 (agent/prompt_caching.py:84)",
    ),
    Change(
        "one-part-of-three",
        [parts(TEXT, TEXT | MARK, PICTURE)],
        [parts(TEXT, TEXT, PICTURE)],
        "captured with Claude Code 2.1.197",
    ),
    Change("in-front", [parts(MARK | TEXT)], [parts(TEXT)], "own"),
    Keep("no-mark", [parts(TEXT, TEXT)], "own"),
    Keep("mark-on-a-picture", [parts(PICTURE | MARK)], "opaque: not ours to judge"),
    Keep("string", [{"role": "user", "content": "cache_control"}], "own"),
    Keep(
        "text-that-is-no-text",
        [parts({"type": "text", "text": 5} | MARK)],
        "opaque: not ours to judge",
    ),
    Keep("no-parts", [parts()], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_mark_on_a_text_part_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)
