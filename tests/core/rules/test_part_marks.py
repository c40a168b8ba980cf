"""Marks on text parts are dropped; the parts stay."""

import pytest

from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.part_marks import RULE
from warmprefix.dialects.messages import MESSAGES

TEXT = {"type": "text", "text": "x"}
MARK = {"cache_control": {"type": "ephemeral"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "r"}
USE = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
CLAUDE_CODE = "captured with Claude Code 2.1.197: it stands on the newest block"


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
    Change("messages-text", [parts(TEXT | MARK)], [parts(TEXT)], CLAUDE_CODE, MESSAGES),
    Change("messages-result", [parts(RESULT | MARK)], [parts(RESULT)], CLAUDE_CODE, MESSAGES),
    Change(
        "messages-text-in-a-result",
        [parts(RESULT | {"content": [TEXT | MARK, TEXT, PICTURE]})],
        [parts(RESULT | {"content": [TEXT, TEXT, PICTURE]})],
        "own",
        MESSAGES,
    ),
    Change(
        "messages-error",
        [parts(MARK | RESULT | {"is_error": True})],
        [parts(RESULT | {"is_error": True})],
        "own: another mark of a result stays",
        MESSAGES,
    ),
    Change(
        "messages-call",
        [{"role": "assistant", "content": [USE | MARK]}],
        [{"role": "assistant", "content": [USE]}],
        "own",
        MESSAGES,
    ),
    Keep(
        "messages-without-a-mark",
        [parts(TEXT, RESULT, {"type": "thinking", "thinking": "x"}, USE), parts(PICTURE | MARK)],
        "own",
        MESSAGES,
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_mark_on_a_text_part_is_dropped(row: Change | Keep) -> None:
    check_rows(RULE, row)
