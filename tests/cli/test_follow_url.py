"""Following a running proxy over a real socket: order, repeats, interruptions, wrong answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import httpx
import pytest

from warmprefix.cli.follow_url import Refused, TurnFeed, event_data


@dataclass
class FakeProxy:
    """Answers with `turns` (newest first), then ends each event stream after its `events`."""

    turns: list[dict[str, object]] = field(default_factory=list)
    streams: list[list[dict[str, object]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    body: bytes | None = None
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        status = self.statuses.pop(0) if self.statuses else 200
        if path.startswith("/warmprefix/api/turns"):
            return status, self.body or json.dumps({"turns": self.turns}).encode()
        events = self.streams.pop(0) if self.streams and status == 200 else []
        return status, b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


@contextmanager
def running(fake: FakeProxy) -> Iterator[FakeProxy]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked.append(self.path)
            fake.keys.append(self.headers["Authorization"])
            status, body = fake.answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps standard error quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


def turn(number: int) -> dict[str, object]:
    return {"turn": f"t{number}", "kind": "append", "outcome": "ok"}


def followed(fake: FakeProxy, turns: int, count: int) -> tuple[list[object], list[str]]:
    """The ids of the first `count` lines, and what was said."""
    said: list[str] = []
    with (
        closing(TurnFeed(fake.url, None, said.append, wait=lambda: None)) as feed,
        closing(feed.follow(turns)) as lines,
    ):
        found = [json.loads(line).get("turn") for line in islice(lines, count)]
    return found, said


def test_the_last_turns_come_oldest_first_with_the_key() -> None:
    with (
        running(FakeProxy(turns=[turn(2), turn(1)])) as fake,
        closing(TurnFeed(fake.url + "/", "secret", print)) as feed,
    ):
        lines = [json.loads(line)["turn"] for line in feed.last(2)]
        nothing = list(feed.last(0))

    assert lines == ["t1", "t2"]
    assert nothing == []
    assert fake.asked == ["/warmprefix/api/turns?limit=2"]
    assert fake.keys == ["Bearer secret"]


def test_the_stream_opens_first_and_a_turn_in_both_is_shown_once() -> None:
    with running(FakeProxy(turns=[turn(2), turn(1)], streams=[[turn(2), turn(3)]])) as fake:
        found, said = followed(fake, 2, 3)

    assert found == ["t1", "t2", "t3"]
    assert fake.asked == ["/warmprefix/api/events", "/warmprefix/api/turns?limit=2"]
    assert said == []


def test_an_interruption_is_told_once_and_what_was_missed_is_caught_up() -> None:
    streams = [[turn(1)], [turn(4)]]
    with running(FakeProxy(streams=streams)) as fake:
        said: list[str] = []

        def away() -> None:
            if not fake.turns:
                fake.statuses += [503, 503]
                fake.turns = [turn(3), turn(2), turn(1)]

        with closing(TurnFeed(fake.url, None, said.append, wait=away)) as feed:
            found = [json.loads(line)["turn"] for line in islice(feed.follow(1), 4)]

    assert found == ["t1", "t2", "t3", "t4"]
    assert fake.asked[-1] == "/warmprefix/api/turns?limit=100"
    assert said == [
        f"{fake.url} ended the connection; trying again",
        f"connected to {fake.url} again",
    ]


def test_a_proxy_that_is_not_there_yet_is_waited_for() -> None:
    said: list[str] = []
    tries = 0

    def give_up() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            raise KeyboardInterrupt

    with (
        closing(TurnFeed("http://127.0.0.1:1", None, said.append, wait=give_up)) as feed,
        pytest.raises(KeyboardInterrupt),
    ):
        list(feed.follow(1))

    assert len(said) == 1
    assert said[0].startswith("no answer from http://127.0.0.1:1 (")


def test_events_without_an_id_are_all_shown() -> None:
    with running(FakeProxy(streams=[[{"kind": "x"}, {"kind": "x"}]])) as fake:
        found, _ = followed(fake, 0, 2)

    assert found == [None, None]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        pytest.param(401, None, "pass the key with --api-key", id="key"),
        pytest.param(404, None, "answered 404; is it warmprefix?", id="other-server"),
        pytest.param(200, b"<html>", "did not answer with turns", id="no-json"),
        pytest.param(200, b'{"turns": 1}', "did not answer with turns", id="no-turns"),
    ],
)
def test_a_wrong_answer_is_refused_with_what_to_do(
    status: int, body: bytes | None, says: str
) -> None:
    with (
        running(FakeProxy(statuses=[status], body=body)) as fake,
        closing(TurnFeed(fake.url, None, print)) as feed,
        pytest.raises(Refused, match=says),
    ):
        list(feed.last(1))


def test_a_backend_error_without_following_is_an_http_error() -> None:
    with (
        running(FakeProxy(statuses=[503])) as fake,
        closing(TurnFeed(fake.url, None, print)) as feed,
        pytest.raises(httpx.HTTPStatusError, match="status 503"),
    ):
        list(feed.last(1))


EVENTS = (
    ': hello\n\ndata: {"a": "ü\u2028"}\n\nevent: x\r\ndata:1\r\ndata: 2\r\n\r\ndata: cut'.encode()
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_found_wherever_the_chunks_end(size: int) -> None:
    chunks = [EVENTS[start : start + size] for start in range(0, len(EVENTS), size)]

    assert list(event_data(chunks)) == ['{"a": "ü\u2028"}'.encode(), b"1\n2"]
