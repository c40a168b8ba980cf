"""Counts of a stream that we ask for: only that is added to the body, and only the answer is taken out."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.chat_dialect import parse
from tests.fakes.scripted_replies import chat_stream, dump, sse
from warmprefix.dialects.asked_usage import _LIMIT, ASKED_USAGE, WithoutUsage

MESSAGES = '"messages":[{"role":"user","content":"stream_options {}"}]'
ASKING: list[tuple[str, str, str | None]] = [
    ("absent", '{%s,"stream":true}', '{%s,"stream":true,"stream_options":{"include_usage":true}}'),
    ("blanks", '{%s, "stream": true }\n', '{%s, "stream": true ,"stream_options":{"include_usage":true}}\n'),
    ("null", '{"stream_options":null,%s,"stream":true}',
     '{"stream_options":{"include_usage":true},%s,"stream":true}'),
    ("no", '{%s,"stream":true,"stream_options": {"a":1, "include_usage": false}}',
     '{%s,"stream":true,"stream_options": {"a":1, "include_usage": true}}'),
    ("none", '{%s,"stream":true,"stream_options":{"include_usage":null}}',
     '{%s,"stream":true,"stream_options":{"include_usage":true}}'),
    ("asks-itself", '{%s,"stream":true,"stream_options":{"include_usage":true}}', None),
    ("other-options", '{%s,"stream":true,"stream_options":{"include_obfuscation":false}}', None),
    ("empty", '{%s,"stream":true,"stream_options":{}}', None),
    ("of-another-type", '{%s,"stream":true,"stream_options":{"include_usage":1}}', None),
    ("no-object", '{%s,"stream":true,"stream_options":[]}', None),
    ("named-twice", '{%s,"stream":true,"stream_options":{"include_usage":false,"include_usage":true}}', None),
    ("no-stream", '{%s}', None),
    ("stream-off", '{%s,"stream":false}', None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "sent"), [row[1:] for row in ASKING], ids=[r[0] for r in ASKING])
def test_counts_are_asked_for_if_the_client_does_not(body: str, sent: str | None) -> None:
    came = (body % MESSAGES).encode()

    asked = ASKED_USAGE.asking(parse(came), came)

    assert asked == (None if sent is None else (sent % MESSAGES).encode())
    assert asked is None or json.loads(asked)["stream_options"]["include_usage"] is True


COUNTS: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 1}
USAGE: dict[str, Any] = {"id": "c", "choices": [], "usage": COUNTS}
ENDS = pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])


def passed(pieces: Iterable[bytes]) -> bytes:
    """What a client gets of a stream in these pieces."""
    edit = WithoutUsage()
    return b"".join(edit.piece(piece) for piece in pieces) + edit.end()


@ENDS
def test_the_stream_is_that_of_a_client_that_did_not_ask(line_end: str) -> None:
    """However it is cut."""
    events = chat_stream(["4 ", "mm é"], include_usage=True, line_end=line_end)
    (usage,) = [event for event in events if b'"choices":[]' in event]
    stream = b"".join([b": keepalive 1/2" + line_end.encode() * 2, *events])
    expected = stream.replace(usage, b"")

    assert passed([stream]) == expected
    assert passed([stream[at : at + 1] for at in range(len(stream))]) == expected
    for at in range(len(stream) + 1):
        assert passed([stream[:at], stream[at:]]) == expected


@ENDS
@pytest.mark.parametrize("lines", [0, 1])
def test_the_last_event_may_lack_its_end(line_end: str, lines: int) -> None:
    end = line_end * lines
    text = b"".join(sse({"choices": [{"delta": {}}]}, line_end=line_end))

    assert passed([text + b"data: " + dump(USAGE) + end.encode()]) == text
    assert passed([text + b"data: [DONE]" + end.encode()]) == text + b"data: [DONE]" + end.encode()


def test_every_event_comes_as_soon_as_it_is_whole() -> None:
    edit = WithoutUsage()
    first, second = sse("a", "b")

    assert edit.piece(first + second[:3]) == first
    assert edit.held == second[:3]
    assert edit.piece(second[3:]) == second
    assert edit.piece(b"".join(sse(USAGE))) == b""
    assert edit.held == b""


KEPT: list[tuple[str, bytes]] = [
    ("choices-and-counts", dump({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": COUNTS})),
    ("no-counts", dump({"choices": [], "usage": None})),
    ("filter-results", dump({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]})),
    ("error", dump({"error": {"message": "full"}})),
    ("text-that-looks-so", dump({"choices": [{"delta": {"content": '"choices":[],"usage":{}'}}]})),
    ("choices-inside", dump({"x": {"choices": []}, "choices": [{}], "usage": COUNTS})),
    ("no-object", b'["choices",{"choices":[]}]'),
    ("no-json", b'{"choices":[],"usage":{'),
    ("empty", b""),
]  # fmt: skip


@pytest.mark.parametrize("data", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_no_other_event_is_taken_out(data: bytes) -> None:
    text = b"event: x\ndata: " + data + b"\nid: 1\n\n: ping\n\n\n\n"

    assert passed([text]) == text


def test_lines_of_the_event_may_be_of_any_kind() -> None:
    usage = json.dumps(USAGE, indent=1).encode().replace(b"\n", b"\ndata:")

    assert (
        passed([b"event: x\ndata:" + usage + b"\nid: 1\n\ndata: [DONE]\n\n"]) == b"data: [DONE]\n\n"
    )


def test_an_event_without_an_end_is_passed_on_before_it_is_large() -> None:
    edit = WithoutUsage()
    large = b"data: " + b"x" * _LIMIT

    assert edit.piece(large) == large
    assert edit.piece(b"y\n\n") == b"y\n\n"
