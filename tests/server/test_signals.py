"""Signals to a running `warmprefix serve`: read again, reopen, tell, drain."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.cli.test_serve import BODY, CHAT, LIMIT_S, OK, ROOT, Process, serving
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, until
from warmprefix.server.signals import has_terminal, is_shielded


async def line_with(process: Process, text: str) -> str:
    """The next line of standard error that says this."""
    assert process.child.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        while line := (await process.child.stderr.readline()).decode():
            if text in line:
                return line
    raise AssertionError(text)


def in_force(folder: Path) -> list[str]:
    """The settings that commands read of the running proxy."""
    (file,) = (folder / "warmprefix").glob("*.json")
    return [
        str(line).partition("   #")[0].rstrip() for line in json.loads(file.read_text())["settings"]
    ]


async def test_hup_reads_the_settings_again(tmp_path: Path) -> None:
    """What can change is used at once, a wrong file changes nothing, and both are said."""
    config = tmp_path / "config.toml"
    async with Backend() as backend, serving(tmp_path, backend.url) as process:
        config.write_text(
            '[memory]\nstore = "memory"\n[server]\nshutdown_grace_s = 9\n'
            '[canonicalize]\nenable = ["freeze-volatile"]\n[log]\nlevel = "warning"\n'
        )
        process.signal(signal.SIGHUP)
        later = await line_with(process, "needs a new start")
        used = in_force(tmp_path)
        config.write_text('[canonicalize]\nenable = ["freeze-volatil"]\n')
        process.signal(signal.SIGHUP)
        wrong = await line_with(process, "the settings stay as they are")
        process.signal(signal.SIGUSR1)
        state = await line_with(process, "state: backend")
        process.signal(signal.SIGQUIT)
        status, _ = await process.ended()

    assert "serve: server.shutdown_grace_s" in later
    assert 'canonicalize.enable = ["freeze-volatile"]' in used
    assert "did you mean freeze-volatile?" in wrong
    assert f"state: backend {backend.url}: openai-compatible" in state
    assert status == 0


async def test_hup_opens_the_file_of_the_log_anew(tmp_path: Path) -> None:
    log, moved = tmp_path / "turns.log", tmp_path / "turns.log.old"
    lines = ("[log]", f'file = "{log}"')
    async with Backend(otherwise=OK) as backend, serving(tmp_path, backend.url, *lines) as process:
        await exchange(process.url, "POST", CHAT, BODY)
        await until(lambda: log.stat().st_size > 0)
        log.rename(moved)
        process.signal(signal.SIGHUP)
        await line_with(process, "the settings are read again")
        await until(log.exists)
        process.signal(signal.SIGTERM)
        await process.ended()

    assert len(moved.read_bytes().splitlines()) == 1
    assert log.read_bytes() == b""


@asynccontextmanager
async def in_terminal(folder: Path, *before: str) -> AsyncIterator[tuple[Process, ExitStack]]:
    """`warmprefix serve` in a terminal of its own, and what closes that terminal's other end."""
    master, slave = pty.openpty()
    config = folder / "config.toml"
    config.write_text('[memory]\nstore = "memory"\n[backend]\nurl = "http://127.0.0.1:1"\n')
    child = await asyncio.create_subprocess_exec(
        # These tests themselves may run under nohup, which a child would inherit.
        *("setsid", "--ctty", "env", "--default-signal=HUP", *before),
        *(sys.executable, "-m", "warmprefix"),
        *("serve", "--port", "0", "--config", str(config)),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "proxy"), "HOME": str(folder)}
        | {"XDG_RUNTIME_DIR": str(folder)},
        stdin=slave,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(slave)
    process = Process(child)
    with ExitStack() as terminal:
        terminal.callback(os.close, master)
        try:
            async with asyncio.timeout(LIMIT_S):
                await process.ready()
                yield process, terminal
        finally:
            await process.killed()


@pytest.mark.skipif(sys.platform != "linux", reason="setsid --ctty is Linux's")
async def test_a_closed_terminal_drains(tmp_path: Path) -> None:
    async with in_terminal(tmp_path) as (process, terminal):
        terminal.close()
        status, _ = await process.ended()

    assert status == 0
    assert any("stopping" in line for line in process.errors)


@pytest.mark.skipif(sys.platform != "linux", reason="setsid --ctty is Linux's")
async def test_with_nohup_the_end_of_the_terminal_is_not_ours(tmp_path: Path) -> None:
    async with in_terminal(tmp_path, "nohup") as (process, terminal):
        terminal.close()
        await line_with(process, "the settings are read again")
        process.signal(signal.SIGTERM)
        status, _ = await process.ended()

    assert status == 0


def test_a_process_that_ignores_hup_is_shielded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert is_shielded()
    finally:
        signal.signal(signal.SIGHUP, before)
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError()))
    assert not has_terminal()
