"""A reply of the Messages API, whole or streamed, split anywhere, and cut before its end."""

import json
from typing import Any, NamedTuple

import pytest

from warmprefix.core.messages import written
from warmprefix.core.types import Finish, Part, ReasoningPart, Reply, TextPart, Usage
from warmprefix.dialects import reader as reader_module
from warmprefix.dialects.messages.reply import MessagesReader

Json = dict[str, Any]

COUNTS = {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 0}
START: Json = {
    "type": "message_start",
    "message": {"role": "assistant", "model": "m", "content": [], "usage": COUNTS},
}
STOP = {"type": "message_stop"}
USE = {"type": "tool_use", "id": "c", "name": "f"}
END: Json = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 3},
}


def begun(index: Any, **block: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: Any, **delta: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def text(index: Any, *pieces: str) -> list[Json]:
    return [begun(index, type="text", text=""), *(more(index, text=piece) for piece in pieces)]


def stream(*events: object) -> bytes:
    named = (e["type"] if isinstance(e, dict) and "type" in e else "x" for e in events)
    return b"".join(
        f"event: {name}\ndata: {json.dumps(event)}\n\n".encode()
        for name, event in zip(named, events, strict=True)
    )


def read(is_stream: bool, *pieces: bytes) -> Reply:
    reader = MessagesReader(is_stream)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


class Row(NamedTuple):
    """`content`: of the message as it would be sent back; None if there is no message."""

    id: str
    events: list[Any]
    content: object
    finish: Finish | None = Finish.ANSWER
    complete: bool = True
    usage: Usage | None = Usage(12, 7, 3)


ROWS = [
    Row("text", [START, *text(0, "H", "i"), END, STOP], "Hi"),
    Row("no-content", [START, END, STOP], []),
    Row(
        "thinking-and-text-closed-at-the-end",
        [
            START,
            begun(0, type="thinking", thinking=""),
            more(0, thinking="t"),
            *text(1, "x\n"),
            more(0, signature=""),
            {"type": "content_block_stop", "index": 0},
            END,
            STOP,
        ],
        [
            {"type": "thinking", "thinking": "t", "signature": ""},
            {"type": "text", "text": "x\n"},
        ],
    ),
    Row(
        "call-in-pieces",
        [
            START,
            begun(0, **USE),
            more(0, partial_json='{"b": 1.0,'),
            more(0, partial_json=' "a": 2}'),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            STOP,
        ],
        [{**USE, "input": {"b": 1.0, "a": 2}}],
        Finish.CALLS,
        usage=Usage(12, 7, 0),
    ),
    Row("call-without-input", [START, begun(0, **USE, input={}), END], [{**USE, "input": {}}]),
    Row("side-by-side", [START, *text(1, "y"), *text(0, "x"), more(1, text="z"), END], [
        {"type": "text", "text": "x"}, {"type": "text", "text": "yz"}]),
    Row("unknown-kind", [START, begun(0, type="server_tool_use"), *text(1, "x"), END], "x"),
    Row("kind-that-is-none", [START, begun(0, type=5), *text(0, "x"), END], "x"),
    Row("piece-of-no-block", [START, more(3, text="x"), END], []),
    Row("no-index", [START, *text(None, "x"), END], "x"),
    Row("no-counts", [{**START, "message": {"role": "assistant"}}, *text(0, "x"), STOP], "x", None,
        usage=None),
    Row("nothing-reused", [{"type": "message_start", "message": {"role": "assistant", "usage": {
        "input_tokens": 5}}}, END], [], usage=Usage(5, None, 3)),
    Row("cut", [START, *text(0, "x")], "x", None, complete=False, usage=Usage(12, 7, 0)),
    Row("cut-by-the-limit", [START, *text(0, "x"), {"type": "message_delta", "delta": {
        "stop_reason": "max_tokens"}}, STOP], "x", Finish.OTHER, usage=Usage(12, 7, 0)),
    Row("no-start", [*text(0, "x"), END], "x", usage=Usage(None, None, 3)),
    Row("only-a-start", [{"type": "message_start", "message": {}}], None, None, complete=False,
        usage=None),
    Row("odd-events", [5, {"type": "message_start"}, {"type": "content_block_start"}, {
        "type": "content_block_delta"}, {"type": "message_delta", "delta": 5}, {"type": "ping"}], None,
        None, complete=False, usage=None),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_stream_is_read_however_it_is_split(row: Row) -> None:
    body = stream(*row.events)

    for pieces in ((body,), [bytes([byte]) for byte in body]):
        reply = read(True, *pieces)
        assert content_of(reply) == row.content
        assert (reply.finish, reply.complete, reply.usage) == (row.finish, row.complete, row.usage)


def content_of(reply: Reply) -> object:
    return None if reply.message is None else json.loads(written(reply.message))["content"]


def test_a_stream_that_is_cut_anywhere_is_read_as_far_as_it_came() -> None:
    body = stream(START, *text(0, "Hi", " there"), END, STOP)

    for end in range(len(body)):
        reply = read(True, body[:end])
        shown = content_of(reply)
        assert shown in (None, [], "", "Hi", "Hi there")
        assert reply.complete is (reply.finish is not None)


def test_the_last_event_may_lack_its_end() -> None:
    body = stream(START, *text(0, "x"), END).rstrip(b"\n")

    assert read(True, body).finish is Finish.ANSWER


WHOLE: Json = {
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [
        {"type": "thinking", "thinking": "t", "signature": ""},
        {"type": "text", "text": "x"},
        {**USE, "input": {"b": 1.0, "a": 2}},
        5,
    ],
    "stop_reason": "tool_use",
    "usage": COUNTS | {"output_tokens": 3},
}


def test_a_whole_reply_is_read() -> None:
    body = json.dumps(WHOLE).encode()

    for pieces in ((body,), [bytes([byte]) for byte in body]):
        reply = read(False, *pieces)
        assert content_of(reply) == WHOLE["content"][:-1]
        assert (reply.finish, reply.complete, reply.model) == (Finish.CALLS, True, "m")
        assert reply.usage == Usage(12, 7, 3)


def test_one_text_is_marked_as_the_rule_would_have_it() -> None:
    reply = read(False, json.dumps(WHOLE).encode())
    two = read(True, stream(START, *text(0, "x"), *text(1, "y")))

    assert reply.message is not None
    assert two.message is not None
    parts: tuple[Part, ...] = (ReasoningPart("t", ""), TextPart("x", is_bare=True))
    assert reply.message.parts[:2] == parts
    assert two.message.parts == (TextPart("x"), TextPart("y"))


ERRORS = [
    pytest.param({"message": "no room"}, "no room", id="message"),
    pytest.param("no room", "no room", id="text"),
    pytest.param({"message": 5}, "unknown error", id="odd"),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_an_error_is_no_whole_reply(error: object, expected: str) -> None:
    whole = read(False, json.dumps({"type": "error", "error": error}).encode())
    cut = read(True, stream(START, *text(0, "x"), {"type": "error", "error": error}))

    assert (whole.message, whole.error, whole.complete) == (None, expected, False)
    assert (content_of(cut), cut.error, cut.complete) == ("x", expected, False)


def test_an_error_in_a_stream_of_llama_server_is_one() -> None:
    """It has no type of its own (b11669, as a conformance case shows)."""
    error = {"code": 500, "message": "no room", "type": "server_error"}
    cut = read(True, stream(START, *text(0, "x"), error))

    assert (content_of(cut), cut.error, cut.complete) == ("x", "no room", False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"content":"x"}', b'{"content":[{}]}'])
def test_what_is_no_reply_says_nothing(body: bytes) -> None:
    assert read(False, body) == Reply()


def test_output_is_what_was_generated() -> None:
    reader = MessagesReader(stream=True)

    reader.feed(stream(START, *text(0, "")))
    before = reader.has_output
    reader.feed(stream(more(0, text="x")))
    with_text = reader.has_output
    reader.feed(stream(STOP))

    assert (before, with_text, reader.done) == (False, True, True)


def test_a_call_is_output() -> None:
    reader = MessagesReader(stream=True)

    reader.feed(stream(START, begun(0, **USE)))

    assert reader.has_output


def test_a_whole_reply_that_is_too_large_is_no_longer_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "MAX_BODY", 4)

    assert read(False, b"12345", b"6") == Reply()
