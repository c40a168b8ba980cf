"""Progress of a stream that we ask for: only that is added to the body, and only the answer is taken out."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.chat_dialect import parse
from tests.fakes.scripted_replies import dump
from warmprefix.dialects import DIALECTS
from warmprefix.dialects.asked_progress import _LIMIT, AskedProgress, WithoutProgress

CHAT, MESSAGES, RESPONSES, TEXT, INFILL = DIALECTS
BODY = '"messages":[{"role":"user","content":"return_progress {}"}]'
ASKING: list[tuple[str, str, str | None]] = [
    ("absent", '{%s,"stream":true}', '{%s,"stream":true,"return_progress":true}'),
    ("blanks", '{%s, "stream": true }\n', '{%s, "stream": true ,"return_progress":true}\n'),
    ("asks-itself", '{%s,"stream":true,"return_progress":true}', None),
    ("wants-none", '{%s,"stream":true,"return_progress":false}', None),
    ("no-stream", "{%s}", None),
]


@pytest.mark.parametrize(("body", "sent"), [row[1:] for row in ASKING], ids=[r[0] for r in ASKING])
def test_progress_is_asked_for_unless_the_client_speaks_of_it(body: str, sent: str | None) -> None:
    came = (body % BODY).encode()

    asked = AskedProgress().asking(parse(came), came)

    assert asked == (None if sent is None else (sent % BODY).encode())


def test_two_endpoints_say_how_far_they_are() -> None:
    """Of llama-server b11669. Text completions too, but their bodies are never changed."""
    assert [one.name for one in DIALECTS if one.asked_progress is not None] == [
        CHAT.name,
        RESPONSES.name,
    ]


def role(created: int) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}],
        "created": created,
    }


def in_progress() -> dict[str, Any]:
    return {"type": "response.in_progress", "response": {"id": "r", "status": "in_progress"}}


def event(value: object, line_end: str, name: str = "") -> bytes:
    head = f"event: {name}{line_end}" if name else ""
    return head.encode() + b"data: " + dump(value) + (line_end * 2).encode()


def progress(value: dict[str, Any], processed: int, line_end: str, name: str = "") -> bytes:
    said = {"total": 900, "cache": 1, "processed": processed, "time_ms": 7}
    return event({**value, "prompt_progress": said}, line_end, name)


def streams(dialect: str, line_end: str) -> tuple[bytes, bytes]:
    """What llama-server sends if it is asked, and if it is not."""
    if dialect == CHAT.name:
        text = event({"choices": [{"index": 0, "delta": {"content": "é 4"}}]}, line_end)
        rest = event(role(2), line_end) + text + b"data: [DONE]" + (line_end * 2).encode()
        read = b"".join(progress(role(1), at, line_end) for at in (1, 513, 900))
        return read + rest, rest
    name = "response.in_progress"
    first = event({"type": "response.created"}, line_end, "response.created")
    text = event({"type": "response.output_text.delta", "delta": "4"}, line_end, "x")
    read = b"".join(progress(in_progress(), at, line_end, name) for at in (1, 513, 900))
    return first + read + text, first + event(in_progress(), line_end, name) + text


def without(dialect: str) -> WithoutProgress:
    asked = {one.name: one.asked_progress for one in DIALECTS}[dialect]
    assert isinstance(asked, AskedProgress)
    return asked.without()


def passed(dialect: str, pieces: Iterable[bytes]) -> bytes:
    """What a client gets of a stream in these pieces."""
    edit = without(dialect)
    return b"".join(edit.piece(piece) for piece in pieces) + edit.end()


ENDS = pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
SPOKEN = pytest.mark.parametrize("dialect", [CHAT.name, RESPONSES.name])


@ENDS
@SPOKEN
def test_the_stream_is_that_of_a_client_that_did_not_ask(dialect: str, line_end: str) -> None:
    """However it is cut."""
    stream, expected = streams(dialect, line_end)

    assert passed(dialect, [stream]) == expected
    assert passed(dialect, [stream[at : at + 1] for at in range(len(stream))]) == expected
    for at in range(len(stream) + 1):
        assert passed(dialect, [stream[:at], stream[at:]]) == expected


@ENDS
def test_a_build_that_says_the_role_only_once_keeps_it(line_end: str) -> None:
    """With the first progress, and not again."""
    text = event({"choices": [{"index": 0, "delta": {"content": "4"}}]}, line_end)
    stream = progress(role(1), 1, line_end) + progress(role(1), 9, line_end) + text

    assert passed(CHAT.name, [stream]) == event(role(1), line_end) + text


@ENDS
@SPOKEN
def test_a_comment_while_the_prompt_is_read_stays_in_its_place(dialect: str, line_end: str) -> None:
    """As llama-server sends one after 30 seconds: the stream is still that of a client that did not ask."""
    comment = f":{line_end * 2}".encode()
    asked, expected = streams(dialect, line_end)
    first, read = asked[: asked.index(b"prompt_progress")], b'"processed":513'
    at = asked.index((line_end * 2).encode(), asked.index(read)) + 2 * len(line_end)
    stream = asked[:at] + comment + asked[at:]
    created = event({"type": "response.created"}, line_end, "response.created")
    begun = created if first.startswith(created) else b""

    assert passed(dialect, [stream]) == begun + comment + expected.removeprefix(begun)


@SPOKEN
def test_a_stream_that_ends_while_the_prompt_is_read(dialect: str) -> None:
    stream = progress(in_progress(), 1, "\n")

    assert passed(dialect, [stream, stream]) == event(in_progress(), "\n")
    assert passed(dialect, [stream, stream[:-2]]) == event(in_progress(), "\n")
    assert passed(dialect, [stream, b"data: x"]) == event(in_progress(), "\n") + b"data: x"
    assert passed(dialect, []) == b""


def test_what_is_held_is_all_that_was_not_passed_on() -> None:
    edit = without(CHAT.name)
    first, second = progress(role(1), 1, "\n"), event(role(2), "\n")

    assert edit.piece(first + second[:4]) == b""
    assert edit.held == event(role(1), "\n") + second[:4]
    assert edit.piece(second[4:]) == second
    assert edit.held == b""


KEPT = [
    ("text-that-looks-so", dump({"x": ',"prompt_progress":{}'})),
    ("inside", b'{"x":{"a":1,"prompt_progress":{"total":1}}}'),
    ("no-object", b'[1,"prompt_progress",{"a":1,"prompt_progress":{}}]'),
    ("no-json", b'{"x":1,"prompt_progress":{"total":1}'),
    ("null", b'{"x":1,"prompt_progress":null}'),
    ("empty", b""),
]


@pytest.mark.parametrize("data", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
def test_no_other_event_is_changed(data: bytes) -> None:
    text = b"event: x\ndata: " + data + b"\nid: 1\n\n: ping\n\n\n\n"

    assert passed(CHAT.name, [text]) == text


def test_an_event_without_an_end_is_passed_on_before_it_is_large() -> None:
    edit = without(CHAT.name)
    large = b"data: " + b"x" * _LIMIT

    assert edit.piece(progress(role(1), 1, "\n")) == b""
    assert edit.piece(large) == event(role(1), "\n") + large
    assert edit.piece(b"y\n\n") == b"y\n\n"


def test_the_question_is_valid_json() -> None:
    came = (ASKING[0][1] % BODY).encode()
    asked = AskedProgress().asking(parse(came), came)

    assert asked is not None
    assert json.loads(asked)["return_progress"] is True
