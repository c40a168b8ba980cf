"""Ids of tool calls are changed behind a wall: what fails there passes the reply on as it came."""

import pytest

from tests.fakes.scripted_replies import chat_stream, tool_call_deltas
from warmprefix.counters import Counters
from warmprefix.dialects.chat_completions.ids import CallIds
from warmprefix.server.renamed import Renamed

EVENTS = chat_stream(
    [], late_deltas=tool_call_deltas("f", ["{}"], "call_1"), finish_reason="tool_calls"
)


class Failing(CallIds):
    """Fails at the piece of this number."""

    def __init__(self, at: int) -> None:
        super().__init__((), "seed")
        self._left = at

    def piece(self, piece: bytes) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ZeroDivisionError
        return super().piece(piece)

    def body(self, body: bytes) -> bytes:
        raise ZeroDivisionError


def relayed(ids: CallIds, pieces: list[bytes]) -> tuple[bytes, Counters, list[str]]:
    counters, noted = Counters(), list[str]()
    renamed = Renamed(ids, counters, noted)
    return b"".join([*map(renamed.piece, pieces), renamed.end()]), counters, noted


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("size", [1000, 60])
def test_a_stream_loses_nothing_when_it_fails(
    at: int, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What had been held back comes too."""
    whole = b"".join(EVENTS)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    passed, counters, noted = relayed(Failing(at), pieces)
    has_failed = at < len(pieces)

    assert passed == whole
    assert counters.fail_open == ({"call-ids": 1} if has_failed else {})
    assert noted == (["call-ids"] if has_failed else [])


def test_a_whole_reply_passes_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    counters, noted = Counters(), list[str]()

    assert Renamed(Failing(0), counters, noted).body(b"{}") == b"{}"
    assert (counters.fail_open, noted) == ({"call-ids": 1}, ["call-ids"])


def test_a_stream_that_needs_nothing_passes_byte_for_byte() -> None:
    ordinary = chat_stream(["a", "b"])
    passed, counters, _ = relayed(CallIds((), "seed"), ordinary)

    assert passed == b"".join(ordinary)
    assert counters.fail_open == {}
