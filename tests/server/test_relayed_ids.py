"""Ids of tool calls are changed behind a wall: what fails there passes the reply on as it came."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import pytest

from tests.fakes.scripted_replies import chat_stream, tool_call_deltas
from tests.request_stages import written
from warmprefix.backends.base import Headers
from warmprefix.core.memory.ledger import Place
from warmprefix.core.types import Kind, Message
from warmprefix.counters import Counters
from warmprefix.dialects.chat_completions.dialect import ChatCompletions
from warmprefix.dialects.chat_completions.ids import CallIds
from warmprefix.server.asgi import AsgiMessage
from warmprefix.server.relay import Relay

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


class Given(ChatCompletions):
    """The dialect, with these ids."""

    def __init__(self, ids: CallIds) -> None:
        self._ids = ids

    def reply_ids(self, messages: Iterable[Message], seed: str) -> CallIds:
        return self._ids


@dataclass
class Answer:
    """What a backend sends."""

    sent: list[bytes]
    headers: Headers = field(default_factory=lambda: [(b"content-type", b"text/event-stream")])
    status: int = 200

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self.sent:
            yield piece

    def close(self) -> None:
        """Nothing is open."""


async def relayed(ids: CallIds, answer: Answer) -> tuple[bytes, Counters, list[str]]:
    counters, noted, received = Counters(), list[str](), list[bytes]()

    async def send(message: AsgiMessage) -> None:
        received.append(message.get("body", b""))

    body = b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}'
    asked = written(body, Place("a", 0, None, Kind.COLD, 0), ())
    await Relay(answer, Given(ids), asked, counters, noted, 0).run(send, lambda: None)
    return b"".join(received), counters, noted


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("size", [1000, 60])
async def test_a_stream_loses_nothing_when_it_fails(
    at: int, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What had been held back comes too."""
    whole = b"".join(EVENTS)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    passed, counters, noted = await relayed(Failing(at), Answer(pieces))
    has_failed = at < len(pieces)

    assert passed == whole
    assert counters.fail_open == ({"call-ids": 1} if has_failed else {})
    assert noted == (["call-ids"] if has_failed else [])


async def test_a_whole_reply_passes_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    passed, counters, noted = await relayed(Failing(0), Answer([b"{", b"}"], []))

    assert passed == b"{}"
    assert (counters.fail_open, noted) == ({"call-ids": 1}, ["call-ids"])


async def test_a_stream_that_needs_nothing_passes_byte_for_byte() -> None:
    ordinary = chat_stream(["a", "b"])
    passed, counters, _ = await relayed(CallIds((), "seed"), Answer(ordinary))

    assert passed == b"".join(ordinary)
    assert counters.fail_open == {}
