"""Claude Code as it speaks the Messages API (captured with 2.1.197): its sessions, sub-agents and titles."""

import json
from typing import Any, NamedTuple

import pytest

from warmprefix.dialects.base import NoMemory
from warmprefix.dialects.messages import MESSAGES
from warmprefix.profiles import profile_of
from warmprefix.profiles.base import Recognised

Json = dict[str, Any]

MAIN = {"user-agent": "claude-cli/2.1.197 (external, cli)", "x-claude-code-session-id": "s1"}
AGENT = MAIN | {"x-claude-code-agent-id": "a1"}
LINE = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.e5b;"}
SYSTEM = [LINE, {"type": "text", "text": "You are a Claude agent, built on the Agent SDK."}]
TOOLS = [{"name": "Edit", "input_schema": {}}]
SESSION = {"type": "text", "text": "<session>\nEdit it.\n</session>"}
TITLE = {"type": "text", "text": "Generate a concise, sentence-case title for my song."}
FORMAT = {"format": {"type": "json_schema", "schema": {}}}


def asked(*blocks: Json, **more: object) -> Json:
    return {"system": SYSTEM, "messages": [{"role": "user", "content": list(blocks)}], **more}


class Row(NamedTuple):
    id: str
    headers: dict[str, str]
    body: Json
    expected: Recognised


ROWS = [
    Row("main", MAIN, asked(SESSION, tools=TOOLS), Recognised("claude-code", "s1", False, True)),
    Row(
        "sub-agent",
        AGENT,
        asked(SESSION, tools=TOOLS),
        Recognised("claude-code", "s1/a1", False, True),
    ),
    Row(
        "title",
        MAIN,
        asked(SESSION, tools=[], output_config=FORMAT),
        Recognised("claude-code", "s1", True, True),
    ),
    Row(
        "title-as-a-string",
        MAIN,
        {
            "messages": [{"role": "user", "content": SESSION["text"]}],
            "tools": [],
            "output_config": FORMAT,
        },
        Recognised("claude-code", "s1", True, True),
    ),
    *(
        Row(f"no-title-{name}", MAIN, body, Recognised("claude-code", "s1", False, True))
        for name, body in (
            ("without-a-schema", asked(SESSION, tools=[], output_config={"effort": "high"})),
            ("without-a-format", asked(SESSION, tools=[])),
            ("of-odd-members", asked(SESSION, tools=[], output_config={"format": "json_schema"})),
            ("with-tools", asked(SESSION, tools=TOOLS, output_config=FORMAT)),
            ("without-the-member-of-tools", asked(SESSION, output_config=FORMAT)),
            ("by-a-person", asked(TITLE, tools=[])),
            ("but-an-answer-by-a-schema", asked(TITLE, tools=[], output_config=FORMAT)),
        )
    ),
    Row(
        "title-of-another-program",
        {"user-agent": "Anthropic/Python 0.70.0"},
        {"messages": [{"role": "user", "content": SESSION["text"]}], "output_config": FORMAT},
        Recognised("anthropic-sdk", None, False),
    ),
    Row(
        "compaction-is-part-of-the-session",
        MAIN,
        asked({"type": "text", "text": "Summarise it."}, tools=TOOLS),
        Recognised("claude-code", "s1", False, True),
    ),
    Row(
        "by-the-billing-line",
        {},
        asked(SESSION, tools=TOOLS),
        Recognised("claude-code", None, False, True),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_request_is_recognised(row: Row) -> None:
    request = MESSAGES.parse(json.dumps(row.body).encode(), NoMemory(MESSAGES))

    assert profile_of(row.headers, request) == row.expected
