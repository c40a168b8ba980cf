"""Results of parallel calls come in the order of the calls."""

import pytest

from tests.builders import Json, call, calling, result, user
from tests.core.rules.table import Change, Keep, check_rows
from warmprefix.core.rules.tool_result_order import RULE
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.responses import RESPONSES

ASKED = user("x")


def calls(*ids: str) -> Json:
    """A message that calls one function under each of these ids."""
    return calling(*(call(call_id=at) for at in ids))


def uses(*ids: str) -> Json:
    """A message of the Messages API that calls one function under each of these ids."""
    blocks = [{"type": "tool_use", "id": at, "name": "f", "input": {}} for at in ids]
    return {"role": "assistant", "content": blocks}


def results(*ids: str | None, before: str = "", behind: str = "") -> Json:
    """A message of the user with these results, and a text before or behind them."""
    blocks: list[Json] = [
        {"type": "tool_result", "tool_use_id": at, "content": f"of {at}"} for at in ids
    ]
    texts = [[{"type": "text", "text": text}] if text else [] for text in (before, behind)]
    return user([*texts[0], *blocks, *texts[1]])


def item(call_id: str) -> Json:
    """A call of the Responses API."""
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def output(call_id: str) -> Json:
    """What a tool answered to it."""
    return {"type": "function_call_output", "call_id": call_id, "output": f"of {call_id}"}


def in_messages(id: str, asked: Json, before: Json, after: Json, source: str) -> Change:
    return Change(id, [ASKED, asked, before], [ASKED, asked, after], source, MESSAGES)


def kept(id: str, *messages: Json, source: str = "nobody knows where it belongs") -> Keep:
    return Keep(id, [ASKED, *messages], source, MESSAGES)


TABLE = [
    Change(
        "swapped",
        [calls("a", "b"), result("b"), result("a")],
        [calls("a", "b"), result("a"), result("b")],
        "captured with hermes-agent 0.19.0",
    ),
    Change(
        "three",
        [calls("a", "b", "c"), result("c"), result("a"), result("b"), ASKED],
        [calls("a", "b", "c"), result("a"), result("b"), result("c"), ASKED],
        "own",
    ),
    Change(
        "one-is-lost",
        [calls("a", "b", "c"), result("c"), result("a")],
        [calls("a", "b", "c"), result("a"), result("c")],
        "an interrupted round",
    ),
    Change(
        "every-batch-by-itself",
        [calls("a", "b"), result("b"), result("a"), calls("b", "a"), result("a"), result("b")],
        [calls("a", "b"), result("a"), result("b"), calls("b", "a"), result("b"), result("a")],
        "ids used again",
    ),
    Keep("in-order", [calls("a", "b"), result("a"), result("b")], "own"),
    Keep("one-result", [calls("a", "b"), result("b")], "own"),
    Keep(
        "unknown-id",
        [calls("a", "b"), result("b"), result("z"), result("a")],
        "nobody knows where it belongs",
    ),
    Keep(
        "id-twice",
        [calls("a", "b"), result("b"), result("a"), result("b")],
        "nobody knows which is which",
    ),
    Keep(
        "no-id",
        [calls("a", "b"), result("b"), {"role": "tool", "content": "x"}],
        "nobody knows where it belongs",
    ),
    Keep("across-a-message", [calls("a", "b"), result("b"), ASKED, result("a")], "not one batch"),
    Keep("no-calls", [ASKED, result("b"), result("a")], "own"),
    in_messages(
        "one-message-of-blocks",
        uses("a", "b", "c"),
        results("c", "a", "b"),
        results("a", "b", "c"),
        "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use: one message with all results",
    ),
    in_messages(
        "blocks-one-is-lost", uses("a", "b", "c"), results("c", "a"), results("a", "c"), "own"
    ),
    in_messages(
        "blocks-behind-a-text",
        uses("a", "b"),
        results("b", "a", before="Stop."),
        results("a", "b", before="Stop."),
        "own",
    ),
    in_messages(
        "blocks-before-a-text",
        uses("a", "b"),
        results("b", "a", behind="Stop."),
        results("a", "b", behind="Stop."),
        "Claude Code 2.1.197: a reminder behind the results",
    ),
    Change(
        "blocks-in-two-messages",
        [uses("a", "b", "c"), results("c"), results("b", "a")],
        [uses("a", "b", "c"), results("a", "b"), results("c")],
        "own",
        MESSAGES,
    ),
    kept("blocks-in-order", uses("a", "b"), results("a", "b"), source="own"),
    kept("one-block", uses("a", "b"), results("b"), source="own"),
    kept("blocks-unknown-id", uses("a", "b"), results("b", "z", "a")),
    kept("blocks-id-twice", uses("a", "b"), results("b", "a", "b")),
    kept("blocks-no-id", uses("a", "b"), results("b", None)),
    kept("blocks-of-nobody", results("b", "a"), source="own"),
    kept("blocks-of-an-older-call", uses("a", "b"), ASKED, results("b", "a"), source="own"),
    Change(
        "items",
        [item("a"), item("b"), output("b"), output("a")],
        [item("a"), item("b"), output("a"), output("b")],
        "own",
        RESPONSES,
    ),
    Keep("items-in-order", [item("a"), item("b"), output("a"), output("b")], "own", RESPONSES),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_results_follow_their_calls(row: Change | Keep) -> None:
    check_rows(RULE, row)
