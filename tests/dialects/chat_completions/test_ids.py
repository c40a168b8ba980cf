"""Tool-call ids in a reply: unique within the conversation, and every other byte as it came."""

import json
import re
from typing import Any, NamedTuple

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.types import ToolCall
from warmprefix.dialects.chat_completions.ids import CallIds

EARLIER = (
    chat_message("assistant", "", tool_calls=(ToolCall("old", "f", "{}"), ToolCall(None, "f", ""))),
)
ID = re.compile(r"[A-Za-z0-9]{9}")  # Mistral's templates answer 400 to any other length


class Case(NamedTuple):
    """`ids`: of the calls as the client sees them; None where a new one must have been made."""

    id: str
    calls: list[Any]
    ids: list[str | None]
    source: str


CASES = [
    Case("unique", [{"id": "a"}, {"id": "b"}], ["a", "b"], "own"),
    Case(
        "empty",
        [{"id": "", "function": {}}],
        [None],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Case("missing", [{"function": {"name": "f"}}], [None], "own"),
    Case("missing-of-an-empty-call", [{}], [None], "own"),
    Case("null", [{"id": None}], [None], "own"),
    Case("number", [{"id": 7}], [None], "own"),
    Case(
        "twice-in-a-reply",
        [{"id": "a"}, {"id": "a"}],
        ["a", None],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Case(
        "used-before",
        [{"id": "old"}, {"id": "a"}],
        [None, "a"],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Case(
        "same-index",
        [{"id": "a", "index": 0}, {"id": "b", "index": 0}],
        ["a", "b"],
        "own: whole calls",
    ),
    Case("odd-index", [{"id": "", "index": []}], [None], "own"),
    Case("no-objects", [7, {"id": "a"}], ["a"], "own"),
]


def whole(calls: Any) -> bytes:
    return json.dumps({"n": 10.0, "choices": [{"message": {"tool_calls": calls}}]}).encode()


def ids_of(body: bytes) -> list[Any]:
    calls = json.loads(body)["choices"][0]["message"]["tool_calls"]
    return [call["id"] for call in calls if isinstance(call, dict)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_calls_of_a_whole_reply_have_ids_of_their_own(case: Case) -> None:
    body = whole(case.calls)

    passed = CallIds(EARLIER, "seed").body(body)

    found = ids_of(passed)
    assert len({*found, "old"}) == len(found) + 1
    for given, expected in zip(found, case.ids, strict=True):
        assert given == expected or (expected is None and ID.fullmatch(given))
    if None not in case.ids:
        assert passed is body


UNTOUCHED = [
    pytest.param(b'{"choices":[{"message":{"content":"x"}}]}', id="no-calls"),
    pytest.param(b'{"choices":[{"message":null}],"tool_calls":[]}', id="no-message"),
    pytest.param(b'{"choices":[{}],"tool_calls":[]}', id="empty-choice"),
    pytest.param(b'{"choices":{"tool_calls":[]}}', id="odd-choices"),
    pytest.param(b'{"error":{"message":"tool_calls"}}', id="error"),
    pytest.param(b'{"choices":[{"message":{"tool_calls":[{"id":""}', id="cut"),
    pytest.param(
        b'{"choices":[{"message":{"tool_calls":[{"id":"","id":""}]}}]}', id="member-twice"
    ),
    pytest.param(
        b'{"choices":[{"message":{"tool_calls":[{"function":{f:1}}]}}]}', id="not-json-in-a-call"
    ),
    pytest.param(b"<html>", id="not-json"),
    pytest.param(b"", id="nothing"),
]


@pytest.mark.parametrize("body", UNTOUCHED)
def test_a_reply_without_calls_passes_as_it_came(body: bytes) -> None:
    assert CallIds((), "seed").body(body) is body


def test_choices_have_calls_of_their_own() -> None:
    body = b'{"choices":[{"message":{"tool_calls":[{"id":"a"}]}},{"message":{"tool_calls":[{"id":"b"}]}}]}'

    assert CallIds((), "seed").body(body) is body


def test_only_the_id_is_another() -> None:
    body = b'{ "a":1e1, "choices":[{"message":{"tool_calls":[{"x":1.0, "id" : "" ,"y":2}]}}] }\n'

    passed = CallIds((), "seed").body(body)

    (new,) = ids_of(passed)
    assert passed == body.replace(b'""', f'"{new}"'.encode())


def test_ids_differ_between_turns_and_not_within_one() -> None:
    body = whole([{"id": ""}])
    first = CallIds((), "turn-1").body(body)
    (taken,) = ids_of(first)
    history = (chat_message("assistant", "", tool_calls=(ToolCall(taken, "f", "{}"),)),)

    assert CallIds((), "turn-1").body(body) == first
    assert CallIds((), "turn-2").body(body) != first
    assert CallIds(history, "turn-1").body(body) != first


def event(*calls: Any, end: str = "\n\n") -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'tool_calls': calls}}]})}{end}".encode()


def relayed(*pieces: bytes) -> bytes:
    ids = CallIds(EARLIER, "seed")
    return b"".join([*(ids.piece(piece) for piece in pieces), ids.held])


PING = b": ping\n\n"
TEXT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


class Stream(NamedTuple):
    """`calls`: index and id of every call piece as the client sees them; `new` for one that was made."""

    id: str
    stream: bytes
    calls: list[tuple[Any, Any]]
    source: str


F = {"function": {"arguments": "{"}}
STREAMS = [
    Stream(
        "unique",
        PING + TEXT + event({"index": 0, "id": "a"}) + event({"index": 0, **F}) + DONE,
        [(0, "a"), (0, None)],
        "llama-server",
    ),
    Stream(
        "empty",
        event({"index": 0, "id": ""}) + event({"index": 0, **F}) + DONE,
        [(0, "new"), (0, None)],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Stream(
        "repeated-in-every-piece",
        event({"index": 0, "id": "old"}) + event({"index": 0, "id": "old"}),
        [(0, "new"), (0, "new")],
        "own",
    ),
    Stream(
        "given-late",
        event({"index": 0, **F}) + event({"index": 0, "id": "a"}),
        [(0, "new"), (0, "new")],
        "own",
    ),
    Stream(
        "empty-in-later-pieces",
        event({"index": 0, "id": "a"}) + event({"index": 0, "id": ""}),
        [(0, "a"), (0, "")],
        "own",
    ),
    Stream(
        "two-in-one-event",
        event({"index": 0, "id": "a"}, {"index": 1, "id": "b"}),
        [(0, "a"), (1, "b")],
        "own",
    ),
    Stream(
        "one-id-for-all",
        event({"index": 0, "id": "a"}) + event({"index": 1, "id": "a"}),
        [(0, "a"), (1, "new")],
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Stream(
        "carriage-returns",
        event({"index": 0, "id": ""}, end="\r\n\r\n") + DONE,
        [(0, "new")],
        "adapters between",
    ),
    Stream(
        "bare-carriage-returns",
        event({"index": 0, "id": ""}, end="\r\r"),
        [(0, "new")],
        "WHATWG HTML 9.2.5",
    ),
    Stream(
        "text-between",
        b'data: "tool_calls"\n\nevent: "tool_calls"\n\ndata: {broken "tool_calls"\n\n'
        + event({"index": 0, "id": "a"}),
        [(0, "a")],
        "own",
    ),
    Stream("text-before-a-call", b"data: x" + event({"index": 0})[6:], [], "fuzzing"),
]


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
def test_calls_of_a_stream_have_ids_of_their_own_in_any_pieces(case: Stream) -> None:
    stream = case.stream
    expected = relayed(stream)

    found = calls_in(expected)
    made = {given for given in found if given[1] and ID.fullmatch(str(given[1]))}
    assert [(at, "new" if (at, given) in made else given) for at, given in found] == case.calls
    assert len({given for _, given in made}) == len({at for at, _ in made})
    if not made:
        assert expected == stream
    assert relayed(*(stream[at : at + 1] for at in range(len(stream)))) == expected
    for at in range(len(stream)):
        assert relayed(stream[:at], stream[at:]) == expected


def calls_in(stream: bytes) -> list[tuple[Any, Any]]:
    values = (line[6:] for line in stream.splitlines() if line.startswith(b'data: {"'))
    choices = (choice for value in values for choice in json.loads(value)["choices"])
    calls = (call for choice in choices for call in choice["delta"].get("tool_calls", ()))
    return [(call.get("index"), call.get("id")) for call in calls]


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
def test_a_cut_stream_loses_no_byte(case: Stream) -> None:
    """What is held back is passed on at the end: a part of an event as it came."""
    for at in range(len(case.stream)):
        passed = relayed(case.stream[:at])

        assert len(passed) >= at
        assert relayed(case.stream).startswith(passed) or passed.endswith(case.stream[at - 9 : at])


def test_an_event_goes_out_with_its_end() -> None:
    ids = CallIds((), "seed")

    assert ids.piece(PING + TEXT[:9]) == PING
    assert ids.piece(TEXT[9:]) == TEXT
    assert ids.held == b""


def test_an_event_beyond_the_limit_passes_unread() -> None:
    """4 MiB without an end of an event: nothing is held back any longer."""
    long = b"data: " + b" " * 4 * 1024 * 1024 + b"x"

    assert CallIds((), "seed").piece(long) == long


def test_choices_without_calls_stand_beside_one_whose_id_is_made() -> None:
    others: list[Any] = [{"message": None}, {"message": {"tool_calls": None}}]
    reply = {"choices": [*others, {"message": {"tool_calls": [{"id": ""}]}}]}
    body = json.dumps(reply).encode()
    found = json.loads(CallIds(EARLIER, "turn").body(body))

    assert found["choices"][:2] == others
    assert ID.fullmatch(found["choices"][2]["message"]["tool_calls"][0]["id"])
