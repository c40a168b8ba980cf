"""Content blocks as parts: every byte is kept, whatever a client sends."""

from typing import NamedTuple

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import changed, written
from warmprefix.core.types import (
    CallPart,
    Message,
    OpaquePart,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.dialects.messages.blocks import (
    parse_content,
    parse_element,
    parse_message,
    parse_tool,
    results_first,
)

MARK = {"cache_control": RawJson(b'{"type":"ephemeral"}')}
CALL_KEYS = ("type", "id", "name", "input")


class Block(NamedTuple):
    id: str
    raw: bytes
    part: Part


def opaque(id: str, raw: bytes) -> Block:
    return Block(id, raw, OpaquePart(RawJson(raw)))


BLOCKS = [
    Block("text", b'{"type":"text","text":"x\\n"}', TextPart("x\n")),
    Block(
        "marked-text",
        b'{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}',
        TextPart("x", MARK),
    ),
    Block("thinking", b'{"type":"thinking","thinking":"t"}', ReasoningPart("t")),
    Block(
        "signed-thinking",
        b'{"type":"thinking","thinking":"t","signature":""}',
        ReasoningPart("t", ""),
    ),
    Block(
        "odd-signature",
        b'{"type":"thinking","thinking":"t","signature":5}',
        ReasoningPart("t"),
    ),
    Block(
        "call",
        b'{"type":"tool_use","id":"c","name":"f","input":{"b":5e3}}',
        CallPart(ToolCall("c", "f", None, RawJson(b'{"b":5e3}'), "tool_use", keys=CALL_KEYS)),
    ),
    Block(
        "call-of-nothing",
        b'{"type":"tool_use","input":"x"}',
        CallPart(ToolCall(None, None, None, RawJson(b'"x"'), "tool_use", keys=("type", "input"))),
    ),
    Block(
        "result",
        b'{"type":"tool_result","tool_use_id":"c","content":"r"}',
        ResultPart("c", (TextPart("r", is_bare=True),)),
    ),
    opaque("result-of-an-object", b'{"type":"tool_result","tool_use_id":"c","content":{"a":1}}'),
    opaque("result-of-an-odd-call", b'{"type":"tool_result","tool_use_id":{},"content":"r"}'),
    opaque("result-of-a-number", b'{"type":"tool_result","tool_use_id":"c","content":5}'),
    Block(
        "result-of-blocks",
        b'{"tool_use_id":"c","type":"tool_result","is_error":true,'
        b'"content":[{"type":"text","text":"r"},{"type":"image"}]}',
        ResultPart(
            "c",
            (TextPart("r"), OpaquePart(RawJson(b'{"type":"image"}'))),
            {"is_error": RawJson(b"true")},
        ),
    ),
    Block("result-of-nothing", b'{"type":"tool_result","content":null}', ResultPart(None)),
    opaque(
        "result-of-a-call", b'{"type":"tool_result","content":[{"type":"tool_use","input":{}}]}'
    ),
    opaque("call-without-input", b'{"type":"tool_use","id":"c","name":"f"}'),
    opaque("call-of-an-odd-name", b'{"type":"tool_use","id":"c","name":null,"input":{}}'),
    opaque("call-of-an-odd-id", b'{"type":"tool_use","id":5,"name":"f","input":{}}'),
    opaque("text-that-is-none", b'{"type":"text","text":5}'),
    opaque("thinking-that-is-none", b'{"type":"thinking","thinking":null}'),
    opaque("picture", b'{"type":"image","source":{}}'),
    opaque("unknown", b'{"type":"redacted_thinking","data":"x"}'),
    opaque("no-type", b'{"text":"x"}'),
    opaque("no-object", b'"x"'),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.id)
def test_a_block_is_read(block: Block) -> None:
    raw = b"[ " + block.raw + b"]"
    assert parse_content(raw, 0, len(raw)) == (block.part,)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.id)
def test_a_block_is_written_as_it_came_beside_one_that_changed(block: Block) -> None:
    raw = b'{"role":"user","content":[' + block.raw + b',{"type":"text","text":"y"}]}'
    message = parse_message(raw)

    parts = (*message.parts[:-1], TextPart("z"))
    expected = raw.replace(b'"y"', b'"z"')
    assert written(changed(message, parts=parts)) == expected


def test_a_message_keeps_the_order_of_its_members_and_what_is_not_known() -> None:
    raw = b'{ "content" : "x", "id": 1e1, "role": "assistant" }'

    message = parse_message(raw)

    assert message.raw == raw
    assert (message.role, message.content) == ("assistant", "x")
    assert message.extra == {"id": b"1e1"}
    assert written(changed(message, content="y")) == b'{"content":"y","id":1e1,"role":"assistant"}'


OPAQUE = [
    pytest.param(b'{"role":"user"}', id="no-content"),
    pytest.param(b'{"role":"user","content":null}', id="null-content"),
    pytest.param(b'{"content":"x"}', id="no-role"),
    pytest.param(b'{"role":5,"content":"x"}', id="odd-role"),
    pytest.param(b'{"role":"user","content":"\\ud83d"}', id="half-a-character"),
    pytest.param(b'{"role":"user","content":"x","role":"user"}', id="member-twice"),
    pytest.param(b"5", id="no-object"),
    pytest.param(b'"x"', id="text"),
    pytest.param(b'["x"]', id="array"),
]


@pytest.mark.parametrize("raw", OPAQUE)
def test_an_element_that_is_not_understood_stays_as_it_is(raw: bytes) -> None:
    message = parse_element(raw, parse_message)

    assert message.opaque
    assert written(message) == raw
    assert not message.is_outside


NO_JSON = [
    b"x",
    b'{"role":x}',
    b'{"role":"user","content":"a","b":x}',
    b'{"role":"user","content":[{"type":"text","text":"a","cache_control":x}]}',
    b'{"role":"assistant","content":[{"type":"tool_use","input":{x}}]}',
]


@pytest.mark.parametrize("raw", NO_JSON)
def test_what_is_no_json_is_not_understood(raw: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_element(raw, parse_message)


def of_blocks(role: bytes, blocks: tuple[bytes, ...]) -> bytes:
    return b'{"role":"' + role + b'","content":[' + b",".join(blocks) + b"]}"


RESULT = b'{"type":"tool_result","tool_use_id":"c","content":"r"}'
TEXT = b'{"type":"text","text":"x"}'
CALL = b'{"type":"tool_use","id":"c","name":"f","input":{}}'
THOUGHT = b'{"type":"thinking","thinking":"t","signature":""}'
PICTURE = b'{"type":"image","source":{}}'
ALONE = [
    pytest.param((THOUGHT, TEXT, CALL), True, id="the-only-text"),
    pytest.param((TEXT, CALL, TEXT), False, id="two-texts"),
    pytest.param((TEXT, PICTURE), False, id="beside-a-picture"),
    pytest.param((TEXT,), False, id="nothing-else"),
]


@pytest.mark.parametrize(("blocks", "is_bare"), ALONE)
def test_a_text_that_is_all_that_is_shown_is_no_element_of_several(
    blocks: tuple[bytes, ...], is_bare: bool
) -> None:
    """Else a rule would make it so in every request, and find it undone in the next."""
    message = parse_message(of_blocks(b"assistant", blocks))

    texts = [part for part in message.parts if isinstance(part, TextPart)]
    assert [part.is_bare for part in texts] == [is_bare] * len(texts)
    assert written(changed(message)) == of_blocks(b"assistant", blocks)


@pytest.mark.parametrize("raw", [b'"Be brief."', b'[{"type":"text","text":"Be brief."}]'])
def test_instructions_stand_outside(raw: bytes) -> None:
    message = parse_message(raw)

    assert (message.role, message.is_outside) == ("system", True)
    assert written(changed(message)) == raw


class Split(NamedTuple):
    id: str
    blocks: tuple[bytes, ...]
    expected: tuple[tuple[bytes, ...], ...]
    role: bytes = b"user"


SPLITS = [
    Split("text-behind", (RESULT, TEXT), ((RESULT,), (TEXT,))),
    Split(
        "several",
        (RESULT, RESULT, TEXT, PICTURE),
        ((RESULT, RESULT), (TEXT, PICTURE)),
    ),
    Split("between", (RESULT, TEXT, RESULT), ((RESULT, RESULT), (TEXT,))),
    Split("both-sides", (TEXT, RESULT, PICTURE), ((RESULT,), (TEXT, PICTURE))),
    Split("text-in-front", (TEXT, RESULT), ((TEXT, RESULT),)),
    Split("results", (RESULT, RESULT), ((RESULT, RESULT),)),
    Split("texts", (TEXT, TEXT), ((TEXT, TEXT),)),
    Split("assistant", (RESULT, TEXT), ((RESULT, TEXT),), b"assistant"),
]


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.id)
def test_what_stands_behind_results_is_a_message_of_its_own(split: Split) -> None:
    message = parse_message(of_blocks(split.role, split.blocks))

    found = results_first(message)

    assert [one.raw for one in found] == [of_blocks(split.role, b) for b in split.expected]
    assert len(found) > 1 or found[0] is message
    assert all(results_first(one) == (one,) for one in found)


def test_a_string_has_no_results() -> None:
    message = Message("user", (TextPart("x", is_bare=True),))

    assert results_first(message) == (message,)


TOOLS = [
    pytest.param(b'{"name":"f","input_schema":{}}', "f", id="named"),
    pytest.param(b'{"type":"web_search_20250305"}', None, id="without-a-name"),
    pytest.param(b'{"name":5}', None, id="odd-name"),
    pytest.param(b'"f"', None, id="no-object"),
    pytest.param(b'{"name":"\\ud83d"}', None, id="half-a-character"),
]


@pytest.mark.parametrize(("raw", "name"), TOOLS)
def test_a_tool_is_read(raw: bytes, name: str | None) -> None:
    assert parse_tool(raw) == Tool(name, RawJson(raw))


def test_a_tool_that_is_no_json_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        parse_tool(b"{x")


HUGE = b'{"type":"image","source":{"data":"' + b"iVBO" * 300_000 + b'"}}'


@pytest.mark.parametrize("block", [HUGE, b'"' + b"iVBO" * 300_000 + b'"'], ids=["image", "string"])
def test_a_very_large_picture_is_not_copied_out_of_its_message(block: bytes) -> None:
    message = parse_message(b'{"role":"user","content":[' + block + b"]}")
    (part,) = message.parts

    assert isinstance(part, OpaquePart)
    assert part.whole is message.raw
    assert part.raw == block


def test_a_very_large_picture_that_a_tool_has_shown_is_not_copied_out_of_the_result() -> None:
    result = b'{"type":"tool_result","tool_use_id":"c","content":[' + HUGE + b"]}"
    message = parse_message(b'{"role":"user","content":[' + result + b"]}")
    (shown,) = message.results
    (part,) = shown.parts

    assert isinstance(part, OpaquePart)
    assert part.whole is shown.raw
    assert (part.raw, shown.raw) == (HUGE, result)
