"""Every input that fuzzing has kept, and every seed, keeps the promises. `make fuzz` looks for more."""

import pytest

from tests.fuzz import kept
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, cut, with_cuts
from warmprefix.core.errors import NotUnderstood
from warmprefix.dialects.base import Dialect, NoMemory
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.responses import RESPONSES

CHANGED = b'{"messages":[{"role":"user","content":"a\\n"}%b]%b}'
CALL = b'{"choices":[{"delta":{"tool_calls":[{"id":"","x":1%b}]}}]}\n\n'
DEEP = b'{"a":[' * 150 + b"]}" * 150
USER = b'{"messages":[{"role":"user","content":[%b]},{"role":"user","content":"x\\n"}]}'
TEXT = b'{"type":"text","text":"x\\n"}'
RESULT = b'{"type":"tool_result","tool_use_id":"c","content":"r\\n","cache_control":{}}'
ODD_RESULT = b'{"type":"tool_result","tool_use_id":"c","content":{"a":1},"cache_control":{}}'
BILLING = b'{"type":"text","text":"x-anthropic-billing-header: a;"}'
SYSTEM = b'{"messages":[],"tools":[],"system":[' + BILLING + b',{"type":"text",%b}]}'
ITEM = b'{"input":[{"role":"developer","content":"x\\n","id":"m",%b}]}'
BROKEN = [
    pytest.param("body", CHANGED % (b"", b',"a\0":1'), id="control-character-in-a-name"),
    pytest.param("body", CHANGED % (b",\x001", b""), id="utf-16"),
    pytest.param("messages-body", USER % (TEXT + b"," + RESULT), id="text-in-front-of-a-result"),
    pytest.param("messages-body", USER % ODD_RESULT, id="result-of-an-object"),
    pytest.param("messages-body", USER % RESULT + b" ", id="a-result-with-an-edge"),
    pytest.param("messages-body", SYSTEM % b'"type":"text"', id="instructions-with-a-member-twice"),
    pytest.param("messages-body", SYSTEM % b'"text":"x\\n"', id="one-text-behind-the-billing-line"),
    pytest.param(
        "messages-body", SYSTEM % b'"text":"x","cache_control":x', id="mark-that-is-no-json"
    ),
    pytest.param("responses-body", ITEM % b'"status":x', id="status-that-is-no-json"),
    pytest.param("responses-sse", b'\0data: {"type":{}}\n\n', id="type-that-is-an-object"),
    pytest.param("sse", b"\0data: x" + CALL % b"", id="text-before-a-call"),
    pytest.param("sse", b"\0data: " + CALL % b",x:1", id="call-that-is-no-json"),
    pytest.param("sse", b'\0data: {"error":' + DEEP + b"}\n\n", id="deep-error"),
]
"""What once broke a promise; libFuzzer keeps no input that stops it."""


@pytest.mark.parametrize(("target", "data"), BROKEN)
def test_what_broke_a_promise_breaks_it_no_more(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_has_kept_breaks_no_promise(target: str) -> None:
    inputs = kept.load(target)

    assert len(inputs) > 100
    for data in inputs:
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(f"{target}({data!r})")
            raise


@pytest.mark.parametrize("target", TARGETS)
def test_what_fuzzing_begins_with_breaks_no_promise(target: str) -> None:
    for data in seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize(
    ("target", "dialect"),
    [("body", CHAT), ("messages-body", MESSAGES), ("responses-body", RESPONSES)],
)
def test_fuzzing_begins_with_bodies_that_are_understood(target: str, dialect: Dialect) -> None:
    """Else it would take hours until anything behind the parser is tried."""
    for data in seeds(target):
        try:
            dialect.parse(data, NoMemory(dialect))
        except NotUnderstood as error:
            pytest.fail(f"{error}: {data!r}")


@pytest.mark.parametrize("cuts", [[], [0], [3], [1, 1, 6], [0, 1, 2, 3, 4, 5, 6, 6]])
def test_a_stream_is_cut_where_it_was_told(cuts: list[int]) -> None:
    pieces = cut(with_cuts(b"abcdef", cuts))

    assert b"".join(pieces) == b"abcdef"
    assert [sum(map(len, pieces[: at + 1])) for at in range(len(cuts))] == cuts
