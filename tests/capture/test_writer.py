"""`serve --capture`: requests and replies as lines of a private file, credentials never."""

import json
import logging
import signal
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.test_serve import serving, start
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted import Step
from tests.fakes.scripted_replies import chat_reply, chat_stream, json_response, stream_response
from warmprefix.backends.base import Headers
from warmprefix.capture.line import BadLine, Captured, line_of, turn_of
from warmprefix.capture.writer import MAX_RESPONSE_BYTES, Capture, create_file
from warmprefix.core.errors import ConfigError
from warmprefix.core.types import CacheStats
from warmprefix.counters import Counters
from warmprefix.dialects import DIALECTS
from warmprefix.server.relay import Relay

CHAT = "/v1/chat/completions"
BODY = b'{ "messages": [{"role": "user", "content": "K\xc3\xb6ln?", "name": null}] }'
WHOLE = chat_reply("hi", 12, 30, 8)
OK = json_response(WHOLE)
CANARY = "canary-7f3a"
LOGGER = logging.getLogger("warmprefix.capture.writer")


@dataclass
class Captor:
    """A capture in a folder, and what the operator was told of it."""

    folder: Path
    log: pytest.LogCaptureFixture
    max_file_bytes: int = 1 << 20
    max_waiting_bytes: int = 1 << 20

    def start(self) -> Capture:
        return Capture(
            self.folder,
            max_file_bytes=self.max_file_bytes,
            max_waiting_bytes=self.max_waiting_bytes,
        )

    @property
    def said(self) -> list[str]:
        return [r.getMessage() for r in self.log.records if r.name == LOGGER.name]

    @property
    def text(self) -> str:
        (file,) = self.folder.iterdir()
        return file.read_text("ascii")

    @property
    def lines(self) -> list[Json]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def captor(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Captor:
    """Captures into a folder that is not there yet."""
    caplog.set_level("INFO", LOGGER.name)
    return Captor(tmp_path / "deep" / "captures", caplog)


async def captured(
    captor: Captor,
    *scripts: list[Step],
    body: bytes = BODY,
    target: str = CHAT,
    headers: tuple[tuple[str, str], ...] = (),
    observe: bool = False,
) -> list[Answer]:
    """The answers to one request a script, all of them captured."""
    capture = captor.start()
    async with (
        Backend(*scripts) as backend,
        running_proxy(backend.url, observe=observe, capture=capture) as proxy,
    ):
        answers = [await exchange(proxy.url, "POST", target, body, headers) for _ in scripts]
        await proxy.records()
    capture.close()
    return answers


async def test_a_line_holds_request_and_reply_byte_for_byte(captor: Captor) -> None:
    stream = stream_response(chat_stream(["Gr\u00fc\u00df", " dich"]))
    whole, streamed = await captured(captor, OK, stream)
    first, second = (turn_of(line.encode()) for line in captor.text.splitlines())

    assert first.request == second.request == BODY
    assert (first.response, second.response) == (whole.body, streamed.body)
    assert (first.path, first.status, first.outcome) == (CHAT, 200, "ok")
    assert first.stats == CacheStats(42, 30, 12, 8, 12.0, 80.0)
    assert first.unix_s <= second.unix_s
    assert first.turn != second.turn


async def test_the_folder_and_the_file_are_private(captor: Captor) -> None:
    await captured(captor, OK)
    (file,) = captor.folder.iterdir()

    assert captor.folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.suffix == ".jsonl"
    assert captor.said == [f"captured 1 turns in {file}"]


async def test_no_credential_is_ever_written(captor: Captor) -> None:
    secret = (
        ("Authorization", f"Bearer {CANARY}-1"),
        ("X-Api-Key", f"{CANARY}-2"),
        ("Cookie", f"session={CANARY}-3"),
        ("Proxy-Authorization", f"Basic {CANARY}-4"),
        ("Api-Key", f"{CANARY}-5"),
    )
    target = f"{CHAT}?api_key={CANARY}-6&key={CANARY}-7"
    await captured(captor, OK, target=target, headers=secret)

    assert captor.lines[0]["path"] == CHAT
    assert CANARY not in captor.text


async def test_headers_that_tell_client_and_session_are_kept(captor: Captor) -> None:
    sent = (("User-Agent", "opencode/1"), ("X-Session-Id", "s1"), ("X-Other", "no"))
    await captured(captor, OK, headers=sent)

    assert captor.lines[0]["headers"] == {
        "user-agent": "opencode/1",
        "x-session-id": "s1",
        "content-type": "application/json",
    }


@pytest.mark.parametrize(("observe", "as_received"), [(True, True), (False, False)])
async def test_a_line_says_whether_the_body_went_out_as_it_came(
    observe: bool, as_received: bool, captor: Captor
) -> None:
    await captured(captor, OK, observe=observe)

    assert captor.lines[0]["as_received"] is as_received


ODD = [
    pytest.param(b"not json \xff\x00", id="not-json"),
    pytest.param(b"", id="empty"),
    pytest.param('{"messages": "\u2028"}'.encode(), id="no-messages"),
]


@pytest.mark.parametrize("body", ODD)
async def test_a_body_that_was_not_understood_is_captured_too(body: bytes, captor: Captor) -> None:
    refused = json_response(b'{"error": "bad \xff"}', 400)
    (answer,) = await captured(captor, refused, body=body)
    found = turn_of(captor.text.encode())

    assert (found.request, found.response, found.status) == (body, answer.body, 400)
    assert found.outcome == "backend_error"


async def test_a_backend_that_is_not_there_leaves_an_empty_reply(captor: Captor) -> None:
    capture = captor.start()
    async with running_proxy("http://127.0.0.1:1", capture=capture) as proxy:
        await exchange(proxy.url, "POST", CHAT, BODY)
        await proxy.records()
    capture.close()
    found = turn_of(captor.text.encode())

    assert (found.response, found.status, found.outcome) == (b"", 502, "backend_unreachable")


async def test_a_full_file_takes_no_more_and_stops_no_request(captor: Captor) -> None:
    captor.max_file_bytes = 1500
    answers = await captured(captor, OK, OK, OK)

    assert [answer.status for answer in answers] == [200] * 3
    assert len(captor.lines) == 1
    assert len(captor.text) <= 1500
    assert captor.said[0].endswith("it is full; nothing more is captured")
    assert captor.said[1].endswith("; 2 more did not fit")


def ended(size: int) -> Captured:
    return Captured("2026-03-01T12:00:00Z", "t", CHAT, {}, 200, "ok", True, CacheStats(),
                    b"x" * size, b"")  # fmt: skip


def test_what_waits_for_the_disk_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One turn alone is taken whatever its size."""
    told, go_on = threading.Event(), threading.Event()

    class HoldUp(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()
            go_on.wait(10)

    monkeypatch.setattr(LOGGER, "handlers", [HoldUp()])
    capture = Capture(tmp_path, max_file_bytes=10, max_waiting_bytes=100)
    capture.write(ended(200))
    told.wait(10)  # the file is full, which the thread is saying
    capture.write(ended(200))
    waiting = capture.dropped
    capture.write(ended(1))
    given_up = capture.dropped
    go_on.set()
    capture.close()

    assert (waiting, given_up) == (0, 1)
    assert (capture.turns, capture.dropped) == (0, 3)


def test_a_disk_that_takes_nothing_ends_the_capture(
    captor: Captor, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = captor.start()

    def full(descriptor: int, line: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("warmprefix.capture.writer.write_all", full)
    capture.write(ended(1))
    capture.write(ended(1))
    capture.close()

    assert captor.said[0].endswith("No space left on device; nothing more is captured")
    assert (capture.turns, capture.dropped) == (0, 2)


class _Empty:
    """An answer without headers and bytes."""

    status = 200
    headers: Headers = []  # noqa: RUF012  # as the protocol has it

    async def pieces(self) -> AsyncIterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for piece in nothing:
            yield piece

    def close(self) -> None:
        """Nothing is open."""


def test_an_endless_reply_is_cut(captor: Captor) -> None:
    capture = captor.start()
    relay = Relay(_Empty(), DIALECTS[0], None, Counters(), [], capture.most_response_bytes)
    for _ in range(20):
        relay.read(b"x" * (1 << 20))
    capture.close()

    assert sum(map(len, relay.pieces)) == MAX_RESPONSE_BYTES


def test_each_start_has_a_file_of_its_own(tmp_path: Path) -> None:
    paths = {create_file(tmp_path)[0] for _ in range(3)}

    assert len(paths) == 3


def test_an_unusable_folder_is_told_before_the_first_request(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"flag --capture: .*file"):
        create_file(tmp_path / "file")


def test_what_is_captured_can_be_read_again() -> None:
    turn = ended(3)

    assert turn_of(line_of(turn)) == turn


GOOD: Json = json.loads(line_of(ended(1)))
BAD = [
    pytest.param(b"{", "not JSON; was the end cut off?", id="cut"),
    pytest.param(b"[" * 100_000, "not JSON", id="deep"),
    pytest.param(b"[1]", "not a JSON object", id="no-object"),
    pytest.param(b"{}", 'no text "time"', id="empty"),
    pytest.param({**GOOD, "request": None}, 'no text "request"', id="no-request"),
    pytest.param({**GOOD, "time": "noon"}, 'no ISO 8601 time, but the text "noon"', id="time"),
]


@pytest.mark.parametrize(("line", "says"), BAD)
def test_a_line_that_is_none_says_why(line: bytes | Json, says: str) -> None:
    raw = line if isinstance(line, bytes) else json.dumps(line).encode()

    with pytest.raises(BadLine, match=says):
        turn_of(raw)


def test_members_of_another_type_are_not_known() -> None:
    odd = {"headers": [1], "stats": 3, "status": True, "as_received": "yes"}
    found = turn_of(json.dumps({**GOOD, **odd}).encode())
    counts = turn_of(json.dumps({**GOOD, "stats": {"prompt_ms": True}}).encode()).stats

    assert (found.headers, found.stats, found.status) == ({}, CacheStats(), None)
    assert found.as_received is False
    assert counts == CacheStats()


async def test_the_command_says_where_it_captures(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    flags = ("--capture", str(folder))
    async with Backend(OK) as backend, serving(tmp_path, backend.url, flags=flags) as process:
        await exchange(process.url, "POST", CHAT, BODY)
        process.signal(signal.SIGTERM)
        status, _ = await process.ended()
    (file,) = folder.iterdir()
    said = "".join(process.errors)

    assert status == 0
    assert f"capturing to {file}: this file contains the text of conversations" in said
    assert f"captured 1 turns in {file}" in said
    assert turn_of(file.read_bytes()).request == BODY


async def test_an_unusable_folder_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "warmprefix.toml").write_text('[memory]\nstore = "memory"\n')
    child = await start("--port", "0", "--capture", "file", folder=tmp_path)
    out, err = await child.communicate()

    assert (child.returncode, out) == (2, b"")
    assert err.count(b"\n") == 1
    assert err.startswith(b"warmprefix: flag --capture: file: ")
