"""An empty list of tools is no list."""

import pytest

from tests.chat_dialect import parse
from tests.core.rules.table import ToolsKeep, check_rows
from warmprefix.core.rules.empty_tools import RULE
from warmprefix.core.types import Prompt

TABLE = [
    ToolsKeep("absent", None, "own"),
    ToolsKeep("one", [{"type": "function", "function": {"name": "f"}}], "own"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_no_tools_are_no_tools(row: ToolsKeep) -> None:
    check_rows(RULE, row)


@pytest.mark.parametrize("tools", [b"[]", b"[ ]", b"null"], ids=["empty", "blank", "null"])
def test_an_empty_list_of_tools_is_dropped(tools: bytes) -> None:
    """Claude Code's title request sends an empty list, other requests of a session none."""
    prompt = parse(b'{"messages":[],"tools":' + tools + b"}").prompt

    assert prompt.tools == ()
    assert RULE.apply(prompt) == Prompt((), None)
