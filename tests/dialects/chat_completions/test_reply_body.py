"""A reply in one body, and the objects in it: errors, usage, timings."""

import json

import pytest

from tests.dialects.replies import (
    DONE,
    HI,
    READ,
    READ_TIMINGS,
    READ_USAGE,
    STOP,
    TIMINGS,
    USAGE,
    Case,
    ok,
    read,
    said,
)
from warmprefix.core.types import Finish, Reply
from warmprefix.dialects.chat_completions.reply import (
    ChatReader,
    error_message,
)

WHOLE = {
    "choices": [
        {"finish_reason": "stop", "index": 0, "message": {"content": "Hi", "role": "assistant"}}
    ],
    "model": "m",
}
CALLED = {
    "choices": [
        {
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "reasoning_content": "r",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "read", "arguments": '{"path":"a"}'},
                    }
                ],
            },
        }
    ]
}
BODIES = [
    Case(
        "counts",
        json.dumps(WHOLE | {"usage": USAGE, "timings": TIMINGS}).encode(),
        ok(usage=READ_USAGE, timings=READ_TIMINGS),
        "llama-server and Lemonade send both",
    ),
    Case(
        "calls-and-reasoning",
        json.dumps(CALLED).encode(),
        Reply(said("", reasoning="r", tool_calls=(READ,)), Finish.CALLS, complete=True),
        "llama-server",
    ),
    Case(
        "error",
        b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
        Reply(error="Loading model"),
        "llama-server",
    ),
    Case("not-json", b"<html>", Reply(), "a gateway between"),
    Case("no-object", b"[1]", Reply(), "own"),
    Case("nothing", b"", Reply(), "own"),
    Case("a-stream-all-the-same", HI + STOP + DONE, Reply(), "own: not what was asked for"),
    Case(
        "no-finish-reason", b'{"choices":[{"message":{"content":"Hi"}}]}', Reply(said("Hi")), "own"
    ),
]


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.id)
def test_a_whole_body_says_the_same_in_any_pieces(case: Case) -> None:
    body = case.stream

    for at in range(len(body) + 1):
        assert read(False, body[:at], body[at:]) == case.expected


@pytest.mark.parametrize("case", BODIES[:2], ids=lambda case: case.id)
def test_a_cut_body_says_nothing(case: Case) -> None:
    for at in range(len(case.stream)):
        assert read(False, case.stream[:at]) == Reply()


def test_a_body_beyond_the_limit_is_no_longer_read() -> None:
    """Relayed, but not kept: a reply has 64 MiB at most."""
    reader = ChatReader(stream=False)
    piece = b" " * 1024 * 1024
    for _ in range(66):
        reader.feed(piece)
    reader.feed(json.dumps(WHOLE).encode())

    assert reader.finish() == Reply()
    assert reader.done is False


ERRORS = [
    pytest.param({"message": "m", "code": 1}, "m", id="object"),
    pytest.param({"code": 1}, '{"code":1}', id="object-without-a-message"),
    pytest.param({"message": 5}, '{"message":5}', id="odd-message"),
    pytest.param("m", "m", id="string"),
    pytest.param(["m"], "unknown error", id="odd-error"),
    pytest.param({"code": json.loads("[" * 300 + "]" * 300)}, "unknown error", id="deep"),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_an_error_has_a_text(error: object, expected: str) -> None:
    assert error_message(error) == expected
