"""`warmprefix explain` and `tail --explain`: where the turn comes from, and every status."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import empty_folder, invoke
from tests.cli.test_explain_text import TURN, Record
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted_replies import json_response
from tests.noisy_session import CHAT, clock, lemonade, play

__all__ = ["empty_folder"]


def log_of(*records: Record) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


OLDER = {**TURN, "turn": "older"}
FINE = {**TURN, "turn": "fine", "break": None}


@pytest.mark.parametrize(
    "arguments", [[], ["--last"], ["5b1c88f0a2d4"]], ids=["none", "last", "id"]
)
def test_a_log_is_read(arguments: list[str]) -> None:
    Path("t.log").write_text("INFO: started\n" + log_of(OLDER, TURN, FINE))
    result = invoke("explain", *arguments, "--log", "t.log")

    assert result.exit_code == 0
    assert result.stdout.startswith("turn 5b1c88f0a2d4 ")
    assert "[-12:01:33-]" in result.stdout


def test_a_log_comes_from_standard_input() -> None:
    result = invoke("explain", "fine", "--log", "-", text=log_of(TURN, FINE))

    assert result.exit_code == 0
    assert "Nothing broke." in result.stdout


WRONG = [
    pytest.param(["nope", "--log", "t.log"], 1, "no turn nope: ids are in the log", id="id"),
    pytest.param(["--log", "fine.log"], 1, "no turn with a cache break", id="no-break"),
    pytest.param(["--log", "no.log"], 2, "no.log: cannot be read: No such", id="no-log"),
    pytest.param(["x", "--last"], 2, "leave out TURN", id="both"),
    pytest.param(
        ["--url", "http://127.0.0.1:1"], 2, "no answer from http://127.0.0.1:1", id="away"
    ),
    pytest.param(["--url", "127.0.0.1:1"], 2, "--url: ", id="no-scheme"),
]


@pytest.mark.parametrize(("arguments", "status", "says"), WRONG)
def test_a_problem_is_one_line(arguments: list[str], status: int, says: str) -> None:
    Path("t.log").write_text(log_of(TURN))
    Path("fine.log").write_text(log_of(FINE))
    result = invoke("explain", *arguments)

    assert (result.exit_code, result.stdout) == (status, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_tail_explains_under_each_break() -> None:
    lines = invoke("tail", "--explain", "--log", "-", text=log_of(TURN, FINE)).stdout.splitlines()

    assert [line.startswith("    ") for line in lines] == [False, True, True, True, True, False]


async def command(*arguments: str) -> tuple[int, str, str]:
    """Status, output and errors of a command that asks a proxy in this event loop."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "warmprefix", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2] / "proxy"), "PYTHONUTF8": "1"},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def session(proxy: RunningProxy) -> list[dict[str, Any]]:
    await play(proxy.url, clock, requests=2)
    return await proxy.records()


async def test_a_running_proxy_is_asked() -> None:
    """From the client's noise to the setting that ends it, over real sockets."""
    async with lemonade() as double, running_proxy(double.url, log={"excerpts": True}) as proxy:
        first, second = await session(proxy)
        last = await command("explain", "--last", "--url", proxy.url)
        by_id = await command("explain", second["turn"], "--url", proxy.url)
        cold = await command("explain", first["turn"], "--url", proxy.url)
        none = await command("explain", "nope", "--url", proxy.url)

    assert last == by_id
    assert last[0] == 0
    assert "before   …" in last[1]
    assert "[-12:00:00-]" in last[1]
    assert "warmprefix config set canonicalize.enable +opencode:freeze-volatile" in last[1]
    assert (cold[0], "The first turn of its conversation" in cold[1]) == (0, True)
    assert (none[0], none[1]) == (1, "")
    assert none[2].startswith("warmprefix: no turn nope: ")


async def test_without_excerpts_the_setting_that_shows_them_is_named() -> None:
    async with lemonade() as double, running_proxy(double.url) as proxy:
        await session(proxy)
        status, out, _ = await command("explain", "--url", proxy.url)

    assert status == 0
    assert "log.excerpts = true" in out
    assert "12:00:00" not in out


async def test_a_failed_turn_tells_the_error_that_the_log_leaves_out() -> None:
    refused = json_response({"error": {"message": "context is full"}}, 400)
    async with Backend(refused) as backend, running_proxy(backend.url) as proxy:
        body = {"messages": [{"role": "user", "content": "x"}]}
        await exchange(proxy.url, "POST", CHAT, body)
        record = await proxy.record()
        status, out, _ = await command("explain", record["turn"], "--url", proxy.url)

    assert status == 0
    assert "It failed (backend_error 400)" in out
    assert "error    context is full" in out


async def test_another_server_and_a_missing_key_are_told() -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url, server={"api_key": "k"}) as proxy,
    ):
        other = await command("explain", "x", "--url", backend.url)
        no_key = await command("explain", "--url", proxy.url)
        with_key = await command("explain", "--url", proxy.url, "--api-key", "k")

    assert (other[0], "is it warmprefix?" in other[2]) == (2, True)
    assert (no_key[0], "pass the key with --api-key" in no_key[2]) == (2, True)
    assert (with_key[0], "nothing to explain" in with_key[2]) == (1, True)
