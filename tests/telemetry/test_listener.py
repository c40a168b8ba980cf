"""What is exported of a turn: all of it at once, and nothing of one that nobody ended."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.request_stages import read, unread
from warmprefix.backends.known import KnownBackend
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import Outcome, Reply
from warmprefix.pipeline.stages import Ended, ended_of, turn_of
from warmprefix.tasks import Tasks
from warmprefix.telemetry.attributes import Call
from warmprefix.telemetry.listener import Ends, Telemetry

TIMES = Times(1.0, 2.0, 0.1, None)
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class Kept:
    """An exporter that keeps what it gets. `carries`: the headers of each request's trace."""

    def __init__(self, carries: Mapping[str, str] | None = None) -> None:
        self.carries = carries or {}
        self.turns: list[tuple[Turn, Call]] = []
        self.came: list[Mapping[str, str]] = []
        self.is_closed = False

    def outgoing(self, came: Mapping[str, str]) -> Mapping[str, str]:
        self.came.append(came)
        return self.carries

    def turn(self, turn: Turn, call: Call) -> None:
        self.turns.append((turn, call))

    def close(self) -> None:
        self.is_closed = True


def ended(body: bytes = BODY, **more: Any) -> Ended:
    reply = Reply(id="r1", finish_word="stop")
    return ended_of(read(body), reply, 200, Outcome.OK, TIMES, **more)


HEADERS = [(b"traceparent", b"old"), (b"x-a", b"\xe9"), (b"x-a", b"2")]


def test_headers_of_the_trace_take_the_place_of_the_clients() -> None:
    kept = Kept({"traceparent": "new", "Baggage": "b"})

    assert Telemetry(kept).outgoing(HEADERS) == [
        *HEADERS[1:],
        (b"traceparent", b"new"),
        (b"baggage", b"b"),
    ]
    assert kept.came[0]["traceparent"] == "old"


def test_headers_stay_if_no_trace_is_carried() -> None:
    assert Telemetry(Kept()).outgoing(HEADERS) is HEADERS


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("http://10.0.0.1:8080", "10.0.0.1", 8080),
        ("http://box", "box", 80),
        ("https://box/api", "box", 443),
        ("http://[::1]:8000", "::1", 8000),
    ],
)
async def test_a_turn_is_exported_with_what_its_exchange_knew(
    url: str, address: str, port: int
) -> None:
    kept, tasks = Kept(), Tasks()
    telemetry, known = Telemetry(kept), KnownBackend(url, "vllm", tasks)
    one = ended(headers=[(b"traceparent", b"t")])
    assert Ends(telemetry, known, url).ended(one) == {}
    telemetry.saw(turn_of(one, {}))
    telemetry.saw(turn_of(one, {}))
    telemetry.close()
    await known.close()

    ((turn, call),) = kept.turns
    assert turn.id == one.came.turn
    assert (call.provider, call.address, call.port) == ("vllm", address, port)
    assert (call.operation, call.model, call.response_id, call.finish) == (
        "chat",
        "m",
        "r1",
        "stop",
    )
    assert (call.sent, call.said) == ({"traceparent": "t"}, {})
    assert kept.is_closed


def test_a_turn_that_was_not_put_aside_is_not_exported() -> None:
    kept = Kept()
    Telemetry(kept).saw(turn_of(ended(), {}))

    assert kept.turns == []


def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.telemetry.listener._PUT_ASIDE", 1)
    kept, several = Kept(), [ended(), ended()]
    telemetry = Telemetry(kept)
    for one in several:
        telemetry.put_aside(one, "vllm", "a", 1)
    for one in several:
        telemetry.saw(turn_of(one, {}))

    assert [turn.id for turn, _ in kept.turns] == [several[1].came.turn]


def test_what_was_not_understood_has_no_text() -> None:
    kept = Kept()
    telemetry = Telemetry(kept, shows_text=True)
    one = ended_of(unread(), Reply(), 400, Outcome.BACKEND_ERROR, TIMES)
    telemetry.put_aside(one, "vllm", "a", 1)
    telemetry.saw(turn_of(one, {}))

    assert kept.turns[0][1].said == {}
