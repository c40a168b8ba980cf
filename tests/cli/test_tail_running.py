"""The line of the request that runs: its words, how it is replaced, and that only a terminal gets it."""

import io
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.clients.threaded_backend import JSON, Refused, ThreadedBackend
from tests.fakes.scripted_replies import dump
from warmprefix.cli.tail_running import RunningLine, running_text

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60
READING = {
    "client": "hermes",
    "state": "reading",
    "elapsed_ms": 14_200,
    "estimated_tokens": 29_000,
    "progress": {"prompt_tokens": 30_000, "cached_tokens": 2_000, "processed_tokens": 10_034},
    "rest_ms": 20_400,
}


def with_(**changed: Any) -> dict[str, Any]:
    return {**READING, **changed}


TEXTS = [
    ("progress", [READING],
     "  … hermes is read 14 s: 12,034 of 30,000 tokens (40%), about 20 s left"),
    ("no-rest", [with_(rest_ms=None)], "  … hermes is read 14 s: 12,034 of 30,000 tokens (40%)"),
    ("no-progress", [with_(progress=None)], "  … hermes is read 14 s, about 29,000 tokens"),
    ("not-understood", [with_(progress=None, estimated_tokens=None)], "  … hermes is read 14 s"),
    ("waits", [with_(state="waiting")], "  … hermes waits 14 s, about 29,000 tokens"),
    ("writes", [with_(state="writing")], "  … hermes is answered 14 s"),
    ("either", [with_(state="answering")],
     "  … hermes is read or answered 14 s, about 29,000 tokens"),
    ("two", [with_(client="pi", elapsed_ms=2000, state="writing"), READING],
     "  … hermes is read 14 s: 12,034 of 30,000 tokens (40%), about 20 s left (+1)"),
    ("unknown-client", [with_(client="unknown", state="writing")], "  … a request is answered 14 s"),
    ("short", [with_(elapsed_ms=900)], ""),
    ("none", [], ""),
    ("odd", [{"client": "a\x1b[2J", "state": 7, "elapsed_ms": "x"}, {"elapsed_ms": 3000}],
     "  … – – 3 s"),
    ("nothing-to-read", [with_(progress={})], "  … hermes is read 14 s: 0 of 0 tokens, about 20 s left"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("requests", "text"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS]
)
def test_the_words(requests: list[Mapping[str, Any]], text: str) -> None:
    assert running_text(requests, 120) == text


def test_it_is_cut_where_the_terminal_ends() -> None:
    assert running_text([with_(client="龍" * 30)], 40) == f"  … {'龍' * 17}…"
    assert len(running_text([READING], 40)) == 40


def on_screen(written: str) -> list[str]:
    """What a terminal shows in the end."""
    lines = []
    for line in written.split("\n"):
        cells: list[str] = []
        for piece in line.split("\r"):
            cells[: len(piece)] = piece
        lines.append("".join(cells).rstrip())
    return lines


def lines_of(width: int = 60) -> tuple[RunningLine, io.StringIO, list[Any]]:
    answers: list[Any] = []
    out = io.StringIO()
    console = Console(file=out, color_system=None, width=width, soft_wrap=True)
    return RunningLine(console, lambda: answers.pop(0)), out, answers


def test_it_is_replaced_and_stands_below_what_is_written() -> None:
    line, out, answers = lines_of()
    answers += [[with_(state="writing")], [with_(state="waiting", progress=None)], []]
    line.look()
    assert on_screen(out.getvalue()) == ["  … hermes is answered 14 s"]
    line.look()
    with line.aside():
        out.write("a turn\n")
    assert on_screen(out.getvalue()) == ["a turn", "  … hermes waits 14 s, about 29,000 tokens"]
    line.look()

    assert on_screen(out.getvalue()) == ["a turn", ""]
    assert "\x1b" not in out.getvalue()


def test_a_proxy_that_does_not_know_the_page_is_not_asked_again() -> None:
    line, out, answers = lines_of()
    answers += [[READING], None]

    assert line.look()
    assert not line.look()
    assert on_screen(out.getvalue()) == [""]


def test_at_the_end_nothing_is_left() -> None:
    line, out, answers = lines_of()
    with line:
        answers.append([READING])
        line.look()

    assert on_screen(out.getvalue()) == [""]


class Proxy(ThreadedBackend):
    """A proxy with one turn, and a request that is read."""

    def respond(
        self, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[str, list[bytes]]:
        del headers, body
        if path.startswith("/warmprefix/api/turns"):
            return JSON, [dump({"turns": [{"turn": "t", "kind": "cold", "outcome": "ok"}]})]
        if path == "/warmprefix/api/running":
            return JSON, [dump({"running": [READING]})]
        raise Refused(503, b"{}")


def tail(url: str, stdout: int) -> "subprocess.Popen[bytes]":
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "proxy"), "NO_COLOR": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "warmprefix", "tail", "--url", url],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def test_a_terminal_shows_it_without_escapes() -> None:
    ours, theirs = pty.openpty()
    with Proxy() as proxy, tail(proxy.url, theirs) as process:
        os.close(theirs)
        written = b""
        while "tokens (40%)" not in written.decode(errors="replace"):
            assert select.select([ours], [], [], DEADLINE_S)[0], written
            written += os.read(ours, 4096)
        process.terminate()
    os.close(ours)

    assert re.search(r"… hermes is read 14 s: 12,034 of", written.decode())
    assert b"\x1b" not in written
