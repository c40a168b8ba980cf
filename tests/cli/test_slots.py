"""`warmprefix slots` against a running proxy's answers."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from warmprefix.cli import app
from warmprefix.cli.slots import age, lines, size

SAVED = {
    "id": "5b1c88f0a2d4", "conversation": "3f9c2a81dead", "messages": 4, "tokens": 2846,
    "bytes": 1502788, "fits": True, "age_s": 130.0, "unused_s": 12.0,
    "file": "warmprefix-x.bin",
}  # fmt: skip
HELD = {
    "slot": 0, "conversation": "3f9c2a81dead", "tokens": 2846, "busy": False, "side": False,
    "known": True, "age_s": 4.2,
}  # fmt: skip


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers as the proxy would."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """List."""
        self._answer(200, {"slots": [HELD], "snapshots": [SAVED]})

    def do_DELETE(self) -> None:
        """Forget."""
        if self.path.endswith(("/all", f"/{SAVED['id']}")):
            self._answer(200, {"forgotten": 1, "files_deleted": self.path.endswith("all")})
        else:
            self._answer(404, {"detail": "No such saved slot."})


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["slots", *arguments])


def test_it_lists_what_is_held_and_what_is_saved(url: str) -> None:
    result = run("--url", url)

    assert result.exit_code == 0
    assert "slot 0  3f9c2a81  2,846 tokens  idle 4 s" in result.stdout
    assert "saved 5b1c88f0a2d4  3f9c2a81  2,846 tokens  1 MiB  2 min ago" in result.stdout


def test_it_forgets_one_or_all(url: str) -> None:
    one = run("forget", str(SAVED["id"]), "--url", url)
    everything = run("forget", "--all", "--url", url)

    assert one.stdout == "forgot 1 saved slot; slots.save_path is not set, so their files stay\n"
    assert everything.stdout == "forgot 1 saved slot\n"


def test_one_that_is_not_there_is_status_1(url: str) -> None:
    result = run("forget", "nothing", "--url", url)

    assert result.exit_code == 1
    assert "no saved slot nothing" in result.output


@pytest.mark.parametrize(
    "arguments", [["forget"], ["list", "x"], ["forget", "x", "--all"], ["other"], ["list", "--all"]]
)
def test_what_makes_no_sense_is_said(arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "slots forget ID" in result.output


def test_no_answer_is_said() -> None:
    result = run("--url", "http://127.0.0.1:9")

    assert result.exit_code == 2
    assert "no answer" in result.output


def test_slots_in_every_state() -> None:
    slots = [
        {**HELD, "busy": True, "side": True},
        {**HELD, "known": False, "age_s": None},
        {**HELD, "conversation": None, "tokens": 0},
    ]

    assert lines({"slots": slots, "snapshots": [{**SAVED, "fits": False}]}) == [
        "slot 0  3f9c2a81 side request  2,846 tokens  busy",
        "slot 0  not known  2,846 tokens  idle –",
        "slot 0  empty  0 tokens  idle 4 s",
        "saved 5b1c88f0a2d4  3f9c2a81  2,846 tokens  1 MiB  2 min ago  of another model, template or build",
    ]
    assert lines({}) == ["no slot is known", "nothing is saved"]


def test_units() -> None:
    assert [age(s) for s in (None, 5, 90, 7300, 200000)] == ["–", "5 s", "2 min", "2 h", "2 d"]
    assert [size(b) for b in (12, 2048, 5 << 20, 3 << 30)] == [
        "12 bytes",
        "2 KiB",
        "5 MiB",
        "3.0 GiB",
    ]
