"""A reply that Claude Code gives back in other words goes out as it was generated (captured with 2.1.197)."""

import json
from typing import Any, NamedTuple

import pytest

from tests.dialects.messages.driver import MessagesDriver

Json = dict[str, Any]

MARK = {"cache_control": {"type": "ephemeral"}}
ASKED: Json = {"role": "user", "content": [{"type": "text", "text": "Do it.", **MARK}]}
DONE = {"type": "tool_result", "tool_use_id": "t1", "content": "ok", **MARK}


def use(arguments: str, id: str = "t1") -> str:
    """A call of a tool, `input` spelled as it is."""
    return f'{{"type":"tool_use","id":"{id}","name":"Edit","input":{arguments}}}'


def blocks_of(*blocks: str) -> str:
    """Content of these blocks."""
    return f"[{','.join(blocks)}]"


class Pair(NamedTuple):
    """`generated` and `expected`: blocks as JSON text. `given`: what the client has made of them."""

    id: str
    generated: str
    given: str
    expected: str


def restored(id: str, generated: str, given: str) -> Pair:
    """What goes out is what was generated."""
    return Pair(id, generated, given, generated)


def own(id: str, generated: str, given: str) -> Pair:
    """What goes out is what the client has sent."""
    return Pair(id, generated, given, given)


THOUGHT = '{"type":"thinking","thinking":"Well.\\n","signature":""}'
TEXT = '{"type":"text","text":"  I look.\\n\\n"}'
PAIRS = [
    restored(
        "false-added-in-front",
        blocks_of(use('{"file_path":"a","old_string":"b","new_string":"c"}')),
        blocks_of(use('{"replace_all":false,"file_path":"a","old_string":"b","new_string":"c"}')),
    ),
    restored(
        "false-moved-to-the-front",
        blocks_of(use('{"file_path":"a","replace_all":false}')),
        blocks_of(use('{"replace_all":false,"file_path":"a"}')),
    ),
    restored(
        "order-of-the-schema",
        blocks_of(use('{"description":"d","command":"c"}')),
        blocks_of(use('{"command":"c","description":"d"}')),
    ),
    restored("number", blocks_of(use('{"timeout":5000.0}')), blocks_of(use('{"timeout":5000}'))),
    restored("number-inside", blocks_of(use('{"a":[2.0]}')), blocks_of(use('{"a":[2]}'))),
    restored("blanks", blocks_of(use('{"a": 1, "b":"x"}')), blocks_of(use('{"a":1,"b":"x"}'))),
    restored("no-arguments", blocks_of(use("{}")), blocks_of(use("{}"))),
    restored(
        "several-calls",
        blocks_of(TEXT, use('{"b":1,"a":2}'), use('{"a":1.0}', "t2")),
        blocks_of(TEXT, use('{"a":2,"b":1}'), use('{"a":1}', "t2")),
    ),
    restored("thinking", blocks_of(THOUGHT, TEXT), blocks_of(THOUGHT, TEXT)),
    restored(
        "thinking-without-signature",
        blocks_of(THOUGHT, TEXT),
        blocks_of('{"type":"thinking","thinking":"Well.\\n"}', TEXT),
    ),
    restored("thinking-dropped", blocks_of(THOUGHT, TEXT), blocks_of(TEXT)),
    restored(
        "edges-stripped",
        blocks_of(THOUGHT, TEXT, use("{}")),
        blocks_of(THOUGHT, '{"type":"text","text":"I look."}', use("{}")),
    ),
    restored("other-ids", blocks_of(use('{"a":1}', "t1")), blocks_of(use('{"a":1}', "toolu_1"))),
    own("true-added", blocks_of(use('{"a":1}')), blocks_of(use('{"b":true,"a":1}'))),
    own("false-inside", blocks_of(use('{"a":{}}')), blocks_of(use('{"a":{"b":false}}'))),
    own("true-made-false", blocks_of(use('{"a":true}')), blocks_of(use('{"a":false}'))),
    own(
        "another-text",
        blocks_of(TEXT),
        '[{"type":"text","text":"I look there."},{"type":"text","text":"x"}]',
    ),
    own("no-object", blocks_of(use('"broken"')), blocks_of(use('{"a":1}'))),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
async def test_a_reply_goes_out_as_it_was_generated(pair: Pair) -> None:
    driver = MessagesDriver()
    await driver.send([ASKED], pair.generated.encode())
    given = json.loads(pair.given)
    results = [{**DONE, "tool_use_id": block["id"]} for block in given if "input" in block]
    plain = {"role": "user", "content": "Do it."}
    coming = {"role": "user", "content": results or "And?"}

    body = await driver.send([plain, {"role": "assistant", "content": given}, coming])

    sent = json.loads(body, object_pairs_hook=list, parse_float=repr)
    expected = json.loads(pair.expected, object_pairs_hook=list, parse_float=repr)
    reply = dict(dict(sent)["messages"][1])["content"]
    assert blocks(reply) == blocks(expected)


def blocks(content: object) -> object:
    """Content as blocks: a text alone may be written as a string."""
    return [[["type", "text"], ["text", content]]] if isinstance(content, str) else content


async def test_the_results_follow_the_ids_of_restored_calls() -> None:
    driver = MessagesDriver()
    await driver.send([ASKED], blocks_of(use('{"a":1.0}')).encode())
    given = json.loads(blocks_of(use('{"a":1}', "toolu_1")))
    result = {**DONE, "tool_use_id": "toolu_1"}

    messages = [
        ASKED,
        {"role": "assistant", "content": given},
        {"role": "user", "content": [result]},
    ]
    sent = json.loads(await driver.send(messages))["messages"]

    assert sent[1]["content"][0]["id"] == "t1"
    assert sent[2]["content"][0]["tool_use_id"] == "t1"


async def test_what_moves_from_request_to_request_is_no_change() -> None:
    """The mark stands on the newest block; a text that was one block becomes a string."""
    driver = MessagesDriver()
    system = [{"type": "text", "text": "You are Claude.", **MARK}]
    first = json.loads(await driver.send([ASKED], blocks_of(TEXT).encode(), system=system))
    assert driver.written is not None
    conversation = driver.written.place.conversation
    again = [
        {"role": "user", "content": "Do it."},
        {"role": "assistant", "content": json.loads(blocks_of(TEXT))},
        {"role": "user", "content": [{"type": "text", "text": "And?", **MARK}]},
    ]

    second = json.loads(await driver.send(again, system=system))

    assert first["messages"] == second["messages"][:1]
    assert driver.written.place.conversation == conversation
    assert driver.written.place.index == 1


async def test_a_text_behind_results_becomes_a_message_of_its_own_in_every_request() -> None:
    driver = MessagesDriver()
    call = json.loads(blocks_of(use("{}")))
    mixed = {"role": "user", "content": [DONE, {"type": "text", "text": "Now stop.", **MARK}]}
    messages: list[Json] = [ASKED, {"role": "assistant", "content": call}, mixed]

    first = json.loads(await driver.send(messages, blocks_of(TEXT).encode()))["messages"]
    assert driver.written is not None
    assert "results-first" in driver.written.rules
    answer = {"role": "assistant", "content": json.loads(blocks_of(TEXT))}
    later = [*messages, answer, {"role": "user", "content": "And?"}]
    second = json.loads(await driver.send(later))["messages"]

    assert [message["role"] for message in first] == ["user", "assistant", "user", "user"]
    assert first[3]["content"] == "Now stop."
    assert second[:4] == first
    assert driver.written.place.index == 1
