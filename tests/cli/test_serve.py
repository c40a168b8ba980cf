"""`warmprefix serve` as a process: how it begins, what it prints where, and how it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.pages import serving as backend_of
from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, Json
from tests.fakes.scripted import Send, Stall, Step, Wait
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    http_chunk,
    json_response,
    last_chunk,
    stream_response,
)

ROOT = Path(__file__).parents[2]
CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
OK = json_response(chat_reply("hi", 5, 0))
MESSAGE = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING) warmprefix: ")
LIMIT_S = 30.0
"""A Python process on a busy machine starts in a few seconds."""


@dataclass
class Process:
    """A running `warmprefix serve`; `errors` are the lines on its standard error."""

    child: asyncio.subprocess.Process
    url: str = ""
    errors: list[str] = field(default_factory=list)

    async def ready(self) -> None:
        """Read standard error until it says where it listens."""
        assert self.child.stderr is not None
        while line := (await self.child.stderr.readline()).decode():
            self.errors.append(line)
            if found := re.search(r"listening on (http://\S+),", line):
                self.url = found[1]
            if "OPENAI_BASE_URL" in line:
                return
        raise AssertionError("".join(self.errors))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.child.send_signal(number)

    async def ended(self) -> tuple[int, list[Json]]:
        """Exit status, and the lines of standard output, all of them JSON."""
        out, err = await self.child.communicate()
        self.errors += err.decode().splitlines(keepends=True)
        assert self.child.returncode is not None
        return self.child.returncode, [json.loads(line) for line in out.splitlines()]

    async def killed(self) -> None:
        """End it, if it has not ended."""
        if self.child.returncode is None:
            self.child.kill()
            await self.child.communicate()


async def start(
    *arguments: str,
    folder: Path,
    stdout: int = asyncio.subprocess.PIPE,
    stderr: int = asyncio.subprocess.PIPE,
) -> asyncio.subprocess.Process:
    """`warmprefix serve` with these arguments, in an empty folder. `stdout`, `stderr`: descriptors."""
    kept = {name: os.environ[name] for name in ("PATH",)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "warmprefix",
        "serve",
        *arguments,
        cwd=folder,
        env={
            **kept,
            "PYTHONPATH": str(ROOT / "proxy"),
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
        },
        stdout=stdout,
        stderr=stderr,
    )


@asynccontextmanager
async def serving(
    folder: Path, backend: str, *lines: str, flags: Sequence[str] = ()
) -> AsyncIterator[Process]:
    """A process in front of `backend`, with these lines of configuration."""
    config = folder / "config.toml"
    config.write_text("\n".join(("[memory]", 'store = "memory"', *lines)))
    arguments = ("--port", "0", "--backend", backend, "--config", str(config), *flags)
    process = Process(await start(*arguments, folder=folder))
    try:
        async with asyncio.timeout(LIMIT_S):
            await process.ready()
            yield process
    finally:
        await process.killed()


async def test_a_turn_is_one_line_on_standard_output_and_nothing_else_is(tmp_path: Path) -> None:
    async with (
        Backend(OK, stream_response(chat_stream(["hi"]))) as backend,
        serving(tmp_path, backend.url) as process,
    ):
        await exchange(process.url, "POST", CHAT, BODY)
        await exchange(process.url, "GET", "/warmprefix/health")
        await exchange(process.url, "GET", "/warmprefix/nothing")
        await exchange(process.url, "POST", CHAT, BODY)
        process.signal(signal.SIGTERM)
        status, records = await process.ended()

    assert status == 0
    assert [record["outcome"] for record in records] == ["ok", "ok"]
    assert [line for line in process.errors if not MESSAGE.match(line)] == []


async def test_it_says_where_it_listens_and_what_to_do(tmp_path: Path) -> None:
    async with Backend() as backend, serving(tmp_path, backend.url) as process:
        said = "".join(process.errors)

    assert f"backend {backend.url} (openai-compatible)" in said
    assert f"OPENAI_BASE_URL={process.url}/v1" in said
    assert f"warmprefix tail --url {process.url}\n" in said
    assert f"dashboard: {process.url}/warmprefix/" in said
    assert f"{backend.url} is no llama-server" in said
    assert "anybody" not in said


async def test_a_server_that_knows_no_build_has_none(tmp_path: Path) -> None:
    props = {
        "build_info": "b0-unknown",
        "chat_template": "t",
        "model_alias": "m",
        "default_generation_settings": {"n_ctx": 4096},
    }
    pages: dict[str, object] = {"/props": json_response(props, 200, [("Server", "llama.cpp")])}
    async with backend_of(pages) as backend, serving(tmp_path, backend.url) as process:
        said = "".join(process.errors)

    assert f"backend {backend.url} (llamacpp, m)" in said


@pytest.mark.backend
async def test_the_embedded_server_is_said_with_its_version(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / ".cache").symlink_to(Path.home() / ".cache")  # the model is put together once
    process = Process(await start("--embedded", "--port", "0", folder=tmp_path))
    try:
        async with asyncio.timeout(LIMIT_S):
            await process.ready()
    finally:
        await process.killed()
    said = "".join(process.errors)

    assert re.search(r"\(llamacpp of xllamacpp [\d.]+, gemma-3-270m, 4 slots of ", said), said
    assert "saving slots (--embedded has no folder for them)" in said


async def test_a_backend_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    backend = Backend(OK)
    async with AsyncExitStack() as stack:
        async with backend:
            process = await stack.enter_async_context(serving(tmp_path, backend.url))
            statuses = [(await exchange(process.url, "POST", CHAT, BODY)).status]
        statuses.append((await exchange(process.url, "POST", CHAT, BODY)).status)
        assert process.child.stderr is not None
        gone = await process.child.stderr.readline()
        async with backend:
            back = await process.child.stderr.readline()

    assert statuses == [200, 502]

    assert b"WARNING warmprefix: the backend is gone; requests fail until it is back" in gone
    assert f"WARNING warmprefix: the backend at {backend.url} is back".encode() in back


async def test_a_backend_that_goes_is_told_although_nobody_asks_it_anything(tmp_path: Path) -> None:
    backend = Backend()
    async with AsyncExitStack() as stack:
        async with backend:
            often = ("[prewarm]", "restart_check_s = 0.05")
            process = await stack.enter_async_context(serving(tmp_path, backend.url, *often))
        assert process.child.stderr is not None
        gone = await process.child.stderr.readline()
        async with backend:
            back = await process.child.stderr.readline()

    assert b"WARNING warmprefix: the backend is gone; requests fail until it is back" in gone
    assert f"{backend.url} (Connection refused)".encode() in gone
    assert f"WARNING warmprefix: the backend at {backend.url} is back".encode() in back
    assert backend.requests == []


async def test_a_backend_that_loads_its_model_is_not_told_as_gone(tmp_path: Path) -> None:
    of_llama = [("Server", "llama.cpp")]
    loading = json_response({"error": {"message": "Loading model"}}, 503, of_llama)
    ready = json_response({"total_slots": 1}, 200, of_llama)
    pages: dict[str, object] = {"/props": loading, "/health": loading, "/v1/models": loading}
    often = ("[prewarm]", "restart_check_s = 0.05")
    async with backend_of(pages) as backend, serving(tmp_path, backend.url, *often) as process:
        said = "".join(process.errors)
        assert process.child.stderr is not None
        await backend.received(len(backend.requests) + 6)
        pages |= {"/props": ready, "/health": ready, "/v1/models": ready}
        there = await process.child.stderr.readline()

    assert "the backend is loading its model; requests get its 503 until it has" in said
    assert b"is there: llamacpp" in there


async def test_who_else_could_use_it_is_told(tmp_path: Path) -> None:
    async with (
        Backend() as backend,
        serving(tmp_path, backend.url, flags=("--host", "0.0.0.0")) as process,
    ):
        said = "".join(process.errors)

    assert "anybody who reaches this machine can use the backend: server.host is 0.0.0.0" in said
    assert re.search(r"point clients at OPENAI_BASE_URL=http://127\.0\.0\.1:\d+/v1", said)


async def test_it_listens_on_several_addresses(tmp_path: Path) -> None:
    hosts = ("--host", "127.0.0.1", "--host", "::1")
    async with Backend() as backend, serving(tmp_path, backend.url, flags=hosts) as process:
        urls = re.findall(r"http://\S+(?=, )", "".join(process.errors))
        answers = [await exchange(url, "GET", "/warmprefix/health") for url in urls]

    assert [url.rpartition(":")[0] for url in urls] == ["http://127.0.0.1", "http://[::1]"]
    assert [answer.status for answer in answers] == [200, 200]


async def test_it_starts_before_its_backend_does(tmp_path: Path) -> None:
    async with Backend() as backend:
        url = backend.url
    async with serving(tmp_path, url) as process:
        answer = await exchange(process.url, "POST", CHAT, BODY)

    assert answer.status == 502
    assert "does not answer yet" in "".join(process.errors)


async def test_a_level_says_how_much_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[memory]\nstore = "memory"\n[backend]\nurl = "http://127.0.0.1:1"\n[log]\nlevel = "warning"\n'
    )
    child = await start("--port", "0", "--config", "config.toml", folder=tmp_path)
    async with asyncio.timeout(LIMIT_S):
        assert child.stderr is not None
        first = await child.stderr.readline()
        child.send_signal(signal.SIGTERM)
        _, rest = await child.communicate()

    assert b"WARNING warmprefix: the backend does not answer yet" in first
    assert (child.returncode, rest) == (0, b"")


STOPS = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize("stop", STOPS, ids=["SIGTERM", "ctrl-c"])
async def test_a_running_stream_is_drained_before_the_end(
    stop: signal.Signals, tmp_path: Path
) -> None:
    """And a watcher of turns, which would never end by itself, does not hold it up."""
    go_on = asyncio.Event()
    events = chat_stream(["one", " two"])
    script: list[Step] = [*stream_response(events[:2], finish=False), Wait(go_on)]
    script += [*(Send(http_chunk(event)) for event in events[2:]), Send(last_chunk())]
    async with Backend(script) as backend, serving(tmp_path, backend.url) as process:
        async with raw_client(process.url) as client, raw_client(process.url) as watcher:
            await watcher.send(request_bytes("GET", "/warmprefix/api/events"))
            watching = await watcher.head()
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.head()
            arrivals = client.body(answer)
            await anext(arrivals)
            process.signal(stop)
            async for _ in watcher.body(watching):
                pass
            go_on.set()
            async for _ in arrivals:
                pass
        status, records = await process.ended()

    assert answer.body == b"".join(events)
    assert answer.complete
    assert status == 0
    assert [record["outcome"] for record in records] == ["ok"]
    assert any("stopping" in line for line in process.errors)


@pytest.mark.parametrize("stop", STOPS, ids=["SIGTERM", "ctrl-c"])
async def test_a_process_with_nothing_to_do_ends_at_once(
    stop: signal.Signals, tmp_path: Path
) -> None:
    """An idle connection of a client does not hold it up."""
    async with Backend(OK) as backend, serving(tmp_path, backend.url) as process:
        async with raw_client(process.url) as client:
            await client.send(request_bytes("POST", CHAT, BODY))
            await client.answer()
            process.signal(stop)
            assert await client.ended()
        status, _ = await process.ended()

    assert status == 0


async def test_a_stream_longer_than_the_grace_is_cut_and_logged(tmp_path: Path) -> None:
    script = [*stream_response(chat_stream(["one"])[:2], finish=False), Stall()]
    grace = ("[server]", "shutdown_grace_s = 0.2")
    async with Backend(script) as backend, serving(tmp_path, backend.url, *grace) as process:
        async with raw_client(process.url) as client:
            await client.send(request_bytes("POST", CHAT, BODY))
            answer = await client.head()
            arrivals = client.body(answer)
            await anext(arrivals)
            process.signal(signal.SIGTERM)
            async for _ in arrivals:
                pass
        status, records = await process.ended()
        await backend.requests[0].client_gone.wait()

    assert not answer.complete
    assert status == 0
    assert len(records) == 1
    assert records[0]["status"] == 200
    assert records[0]["outcome"] == "stopped"
    assert [line for line in process.errors if not MESSAGE.match(line)] == []


async def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    script = [*stream_response(chat_stream(["one"])[:2], finish=False), Stall()]
    async with (
        Backend(script) as backend,
        serving(tmp_path, backend.url) as process,
        raw_client(process.url) as client,
    ):
        await client.send(request_bytes("POST", CHAT, BODY))
        await client.head()
        process.signal(signal.SIGINT)
        assert process.child.stderr is not None
        await process.child.stderr.readuntil(b"stopping")
        process.signal(signal.SIGINT)
        async with asyncio.timeout(10):  # far less than the grace of 30 s
            status, records = await process.ended()

    assert status in (0, 130)
    assert [record["outcome"] for record in records] == ["stopped"]


async def test_no_one_reading_standard_output_stops_nothing(tmp_path: Path) -> None:
    async with Backend(otherwise=OK) as backend, serving(tmp_path, backend.url) as process:
        assert process.child.stdout is not None
        process.child.stdout._transport.close()  # type: ignore[attr-defined]  # as `| head` does
        statuses = [(await exchange(process.url, "POST", CHAT, BODY)).status for _ in range(3)]
        process.signal(signal.SIGTERM)
        await process.child.wait()

    assert statuses == [200] * 3


async def test_a_busy_port_is_one_line_and_status_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        child = await start("--port", str(port), folder=tmp_path)
        async with asyncio.timeout(LIMIT_S):
            out, err = await child.communicate()

    assert child.returncode == 2
    assert out == b""
    assert err.count(b"\n") == 1
    assert f"127.0.0.1:{port}".encode() in err
    assert b"--port" in err


WRONG = [
    pytest.param("[server]\nprot = 1", b"server.port", id="unknown-key"),
    pytest.param("[server]\nport = -1", b"server.port", id="bad-value"),
    pytest.param("[backend]\nurl = 'nowhere'", b"backend.url", id="bad-url"),
    pytest.param("[server", b"config.toml", id="no-toml"),
    pytest.param("[canonicalize]\ndisable = ['nope']", b"canonicalize.disable", id="unknown-rule"),
    pytest.param("[server]\nhost = 'no-such-host.invalid'", b"server.host", id="no-such-host"),
    pytest.param("[server]\nhost = '192.0.2.1'", b"server.host", id="not-our-address"),
]


@pytest.mark.parametrize(("text", "named"), WRONG)
async def test_a_wrong_configuration_is_one_line_and_status_2(
    text: str, named: bytes, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(f"{text}\n[memory]\nstore = 'memory'\n")
    child = await start("--config", "config.toml", folder=tmp_path)
    async with asyncio.timeout(LIMIT_S):
        out, err = await child.communicate()

    assert child.returncode == 2
    assert out == b""
    assert err.startswith(b"warmprefix: ")
    assert err.count(b"\n") == 1
    assert named in err


async def test_while_it_runs_commands_find_it(tmp_path: Path) -> None:
    folder = tmp_path / "warmprefix"
    async with Backend(OK) as backend, serving(tmp_path, backend.url) as process:
        (file,) = folder.iterdir()
        said = json.loads(file.read_text())
        process.signal(signal.SIGTERM)
        await process.ended()

    assert (said["url"], said["backends"]) == (process.url, [backend.url])
    assert said["file"] == str(tmp_path / "config.toml")
    assert any(line.startswith('memory.store = "memory"') for line in said["settings"])
    assert list(folder.iterdir()) == []
