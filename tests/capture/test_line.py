"""A captured turn as a line, and back, byte for byte."""

import json
from dataclasses import replace
from typing import Any

import pytest

from warmprefix.capture.line import KEPT_HEADERS, BadLine, Captured, line_of, turn_of
from warmprefix.core.types import CacheStats

TURN = Captured(
    time="2026-03-01T12:04:31.250Z",
    turn="t1",
    path="/v1/chat/completions",
    headers={"user-agent": "x"},
    status=200,
    outcome="ok",
    as_received=True,
    stats=CacheStats(40, 30, 10, 2, 5.0, 20.5),
    request=b'{"messages":[]}',
    response=b"{}",
)
BYTES = [b"", b"\xff\xfe", "é\u2028\n".encode(), b'"\\\x00', b"\xed\xa0\x80"]


@pytest.mark.parametrize("content", BYTES)
def test_a_turn_comes_back_as_it_was(content: bytes) -> None:
    turn = replace(TURN, request=content, response=content[::-1])
    line = line_of(turn)

    assert turn_of(line) == turn
    assert line.isascii()
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")


@pytest.mark.parametrize(
    "changed", [{"status": None}, {"as_received": False}, {"stats": CacheStats()}]
)
def test_what_is_not_there_is_not_there_afterwards(changed: dict[str, Any]) -> None:
    turn = replace(TURN, **changed)

    assert turn_of(line_of(turn)) == turn


def line(**members: object) -> bytes:
    """The line with some members set; None leaves one out."""
    value = {**json.loads(line_of(TURN)), **members}
    return json.dumps({name: one for name, one in value.items() if one is not None}).encode()


BAD: list[tuple[str, bytes, str]] = [
    ("cut", line_of(TURN)[:-20], "not JSON; was the end cut off?"),
    ("deep", b"[" * 100_000, "not JSON"),
    ("no-object", b"[1]", "not a JSON object"),
    ("no-request", line(request=None), 'no text "request"'),
    ("no-response", line(response=7), 'no text "response"'),
    ("no-time", line(time=None), 'no text "time"'),
    ("odd-time", line(time="yesterday"), 'time is no ISO 8601 time, but the text "yesterday"'),
]


@pytest.mark.parametrize(("text", "says"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_line_that_is_no_turn_says_why(text: bytes, says: str) -> None:
    with pytest.raises(BadLine, match=says.replace("?", r"\?")):
        turn_of(text)


ODD: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("headers", {"headers": [1]}, {"headers": {}}),
    ("header", {"headers": {"a": 1, "b": "c"}}, {"headers": {"b": "c"}}),
    ("status", {"status": True}, {"status": None}),
    ("as-received", {"as_received": 1}, {"as_received": False}),
    ("stats", {"stats": 7}, {"stats": CacheStats()}),
    (
        "count",
        {"stats": {"prompt_tokens": 1.5, "prompt_ms": 3}},
        {"stats": CacheStats(prompt_ms=3.0)},
    ),
    ("no-bool", {"stats": {"cached_tokens": True, "generate_ms": False}}, {"stats": CacheStats()}),
]


@pytest.mark.parametrize(
    ("members", "expected"), [row[1:] for row in ODD], ids=[row[0] for row in ODD]
)
def test_a_member_of_another_shape_counts_as_missing(
    members: dict[str, object], expected: dict[str, Any]
) -> None:
    assert turn_of(line(**members)) == replace(TURN, **expected)


def test_a_time_is_read_with_its_zone() -> None:
    assert TURN.unix_s == 1772366671.25
    assert replace(TURN, time="2026-03-01T13:04:31.250+01:00").unix_s == TURN.unix_s


def test_what_tells_side_requests_and_sub_agents_is_kept() -> None:
    """A replay reads them as the proxy has."""
    assert {"x-codex-turn-metadata", "x-claude-code-agent-id"} <= KEPT_HEADERS
    assert "" not in KEPT_HEADERS


def test_no_header_that_can_hold_a_secret_is_kept() -> None:
    assert {"user-agent", "content-type"} <= KEPT_HEADERS
    assert KEPT_HEADERS.isdisjoint({"authorization", "cookie", "x-api-key", "proxy-authorization"})
    assert {name for name in KEPT_HEADERS if name != name.lower()} == set()
