"""Nobody reads standard error or standard output any more: requests, `log.file` and the end do not wait."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.cli.test_serve import LIMIT_S, start
from tests.fakes.raw_client import raw_client, request_bytes
from tests.fakes.running_proxy import Backend, until
from tests.fakes.scripted import Script, Send
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.fakes.unread import UnreadPipe
from tests.steadiness.processes import CHAT, chat, log_lines

OK = json_response(chat_reply("hi", 5, 0))
ODD = [Send(b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n")]
"""No server can send this status, so the operator is told."""

TURNS = 30
ANSWER_S = 5.0
"""How long an answer may take that takes milliseconds on an idle machine."""

STOP_S = 8.0
"""How long the end may take with nothing running: some seconds for each stream that takes nothing."""


def script(request: Request) -> Script:
    """A whole reply in the chat; else what makes the proxy tell the operator."""
    return OK if request.target == CHAT else ODD


class Serving:
    """A process whose standard output and standard error are pipes that are read on demand."""

    def __init__(
        self, child: asyncio.subprocess.Process, output: UnreadPipe, errors: UnreadPipe
    ) -> None:
        self.child = child
        self.output = output
        self.errors = errors
        self.url = ""

    async def ready(self) -> None:
        """Read standard error until it says where it listens; from then on nobody reads."""
        await until(lambda: "OPENAI_BASE_URL" in self.errors.text(), LIMIT_S)
        found = re.search(r"listening on (http://\S+),", self.errors.text())
        assert found is not None
        self.url = found[1]

    async def turns(self) -> None:
        """Chat requests, and beside each one a request that makes the proxy tell the operator."""
        for number in range(TURNS):
            async with asyncio.timeout(ANSWER_S):
                assert (await chat(self.url, f"turn {number}")).status == 200
            async with asyncio.timeout(ANSWER_S), raw_client(self.url) as client:
                await client.send(request_bytes("GET", "/odd"))
                assert await client.ended()

    async def stop(self) -> float:
        """How long it takes to end."""
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            assert await self.child.wait() == 0
        return time.monotonic() - began


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[tuple[UnreadPipe, UnreadPipe]]:
    """One for standard output, one for standard error."""
    with ExitStack() as stack:
        output, errors = (
            stack.enter_context(closing(UnreadPipe(tmp_path / name))) for name in ("out", "err")
        )
        yield output, errors


@asynccontextmanager
async def serving(
    folder: Path, backend: str, output: UnreadPipe, errors: UnreadPipe
) -> AsyncIterator[Serving]:
    """A process in front of `backend` that logs to a file as well."""
    log = folder / "turns.log"
    config = folder / "config.toml"
    config.write_text(f'[memory]\nstore = "memory"\n[log]\nfile = "{log}"\n')
    arguments = ("--port", "0", "--backend", backend, "--config", str(config))
    child = await start(*arguments, folder=folder, stdout=output.writer, stderr=errors.writer)
    serving = Serving(child, output, errors)
    try:
        await serving.ready()
        yield serving
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@pytest.mark.parametrize("blocked", ["stdout", "stderr", "both", "one-pipe"])
async def test_a_reader_that_stopped_costs_no_request_and_no_line_of_the_file(
    blocked: str, pipes: tuple[UnreadPipe, UnreadPipe], tmp_path: Path
) -> None:
    output, errors = pipes
    if blocked == "one-pipe":  # warmprefix serve 2>&1 | less
        output = errors
    async with (
        Backend(otherwise=script) as backend,
        serving(tmp_path, backend.url, output, errors) as process,
    ):
        if blocked != "stderr":
            output.fill()
        if blocked != "stdout":
            errors.fill()
        await process.turns()
        took_s = await process.stop()

    lines = log_lines(tmp_path / "turns.log")
    assert [line["outcome"] for line in lines] == ["ok"] * TURNS
    assert took_s < STOP_S


async def test_a_reader_that_goes_on_gets_all_that_waited(
    pipes: tuple[UnreadPipe, UnreadPipe], tmp_path: Path
) -> None:
    output, errors = pipes
    async with (
        Backend(otherwise=script) as backend,
        serving(tmp_path, backend.url, output, errors) as process,
    ):
        output.fill()
        errors.fill()
        await process.turns()
        await until(lambda: errors.text().count("KeyError: 799") == TURNS)
        await until(lambda: output.text().count("\n") == TURNS)
        await process.stop()

    printed = [json.loads(line) for line in output.text().splitlines()]
    assert printed == log_lines(tmp_path / "turns.log")
