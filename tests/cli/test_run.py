"""`warmprefix run` as a process: the client's environment, its signals, its end, and what was kept."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from tests.cli.test_serve import LIMIT_S, ROOT
from tests.fakes.pages import serving
from tests.fakes.scripted import ScriptedBackend
from tests.fakes.scripted_replies import json_response
from warmprefix.cli.follow_url import TurnFeed
from warmprefix.cli.run import environment, last_turns, summary, when

MODELS = {"data": [{"id": "qwen3"}]}
TURN = {
    "time": "2999-01-01T00:00:00Z", "turn": "a", "kind": "append", "outcome": "ok",
    "prompt_tokens": 1000, "processed_tokens": 100, "kept_tokens": 400,
}  # fmt: skip
OLD = {**TURN, "time": "2001-01-01T00:00:00Z", "processed_tokens": 7777}
WAIT = f"for _ in {{1..{round(LIMIT_S / 0.05)}}}; do sleep 0.05; done"
"""What a client does until a signal comes. It ends by itself if nobody is left to end it."""

PAGES = {"/v1/models": MODELS, "/warmprefix/api/turns": {"turns": [TURN, OLD]}}


@asynccontextmanager
async def running(
    folder: Path, url: str, *words: str, stdin: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`warmprefix run` in front of the proxy at `url`. At the end nothing is left of it or of its client."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "warmprefix", "run", "--url", url, "--", *words),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "proxy"),
            "XDG_RUNTIME_DIR": str(folder),
        },
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.communicate()


async def run(folder: Path, *words: str) -> tuple[int | None, str, str]:
    """Exit status, standard output and standard error of a run."""
    async with serving(PAGES) as proxy, running(folder, proxy.url, *words) as child:
        out, err = await child.communicate()
        return child.returncode, out.decode().replace(proxy.url, "PROXY"), err.decode()


async def test_the_client_finds_the_proxy_and_its_end_is_ours(tmp_path: Path) -> None:
    shell = 'echo "$OPENAI_BASE_URL $OPENAI_API_BASE $ANTHROPIC_BASE_URL $ANTHROPIC_MODEL"; exit 7'
    status, out, err = await run(tmp_path, "sh", "-c", shell)

    assert (status, out) == (7, "PROXY/v1 PROXY/v1 PROXY qwen3\n")
    assert err == (
        "warmprefix: while it ran: 1 turn, 100 of 1,000 prompt tokens read; "
        "without warmprefix about 500: 400 kept\n"
    )


async def test_a_turn_that_is_not_logged_yet_is_waited_for(tmp_path: Path) -> None:
    """The client is gone, and the backend is still asked why its last prompt broke."""
    early, late = {"turns": [OLD], "running": 1}, {"turns": [TURN, OLD], "running": 0}
    scripts = [json_response(answer) for answer in (MODELS, early, late)]
    async with ScriptedBackend(*scripts) as proxy, running(tmp_path, proxy.url, "true") as child:
        _, err = await child.communicate()

    assert b"while it ran: 1 turn, 100 of 1,000 prompt tokens read" in err


async def test_nobody_waits_for_the_requests_of_others_for_long() -> None:
    pages = {"/warmprefix/api/turns": {"turns": [TURN], "running": 1}}
    async with serving(pages) as proxy:
        with closing(TurnFeed(proxy.url, None, print)) as feed:
            found = await asyncio.to_thread(last_turns, feed, patience_s=0.0)

    assert found == [TURN]


async def test_a_client_that_a_signal_ends_has_the_status_of_a_shell(tmp_path: Path) -> None:
    status, _, _ = await run(tmp_path, "sh", "-c", "kill -9 $$")

    assert status == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGTERM, "TERM"), (signal.SIGHUP, "HUP"), (signal.SIGINT, "INT")],
    ids=["TERM", "HUP", "INT"],
)
async def test_a_signal_goes_to_the_client(
    number: signal.Signals, name: str, tmp_path: Path
) -> None:
    shell = f"trap 'echo {name}; exit 5' {name}; echo ready; {WAIT}"
    async with (
        serving(PAGES) as proxy,
        running(tmp_path, proxy.url, "bash", "-c", shell) as child,
    ):
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
        child.send_signal(number)
        out, _ = await child.communicate()

    assert (child.returncode, out.decode()) == (5, f"{name}\n")


@pytest.mark.parametrize(
    ("word", "status", "why"),
    [
        pytest.param("no-such-program", 127, "No such file", id="not-there"),
        pytest.param("/dev/null", 126, "Permission denied", id="not-a-program"),
    ],
)
async def test_what_cannot_be_started_is_one_line(
    word: str, status: int, why: str, tmp_path: Path
) -> None:
    found, out, err = await run(tmp_path, word)

    assert (found, out) == (status, "")
    assert err.startswith(f"warmprefix: {word}: {why}")
    assert err.count("\n") == 1


async def test_without_a_proxy_nothing_is_started(tmp_path: Path) -> None:
    async with running(tmp_path, "http://127.0.0.1:1", "sh", "-c", "echo started") as child:
        out, err = await child.communicate()

    assert (child.returncode, out) == (2, b"")
    assert b"no answer from http://127.0.0.1:1 (Connection refused)" in err


async def test_a_proxy_that_is_gone_at_the_end_takes_no_status_away(tmp_path: Path) -> None:
    shell, pipe = "echo ready; read x; exit 5", asyncio.subprocess.PIPE
    async with AsyncExitStack() as stack:
        async with serving(PAGES) as proxy:
            client = running(tmp_path, proxy.url, "sh", "-c", shell, stdin=pipe)
            child = await stack.enter_async_context(client)
            assert child.stdout is not None
            assert await child.stdout.readline() == b"ready\n"
        _, err = await child.communicate(b"\n")

    assert child.returncode == 5
    assert b"does not say what was kept" in err


def test_keys_and_models_that_are_set_stay() -> None:
    own = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "OPENAI_MODEL": "c"}
    found = environment("http://p", "qwen3", None, own)

    assert found.keys() & own.keys() == set()
    assert "ANTHROPIC_AUTH_TOKEN" not in found
    assert found["ANTHROPIC_MODEL"] == "qwen3"
    assert environment("http://p", "", "key", own)["OPENAI_API_KEY"] == "key"


@pytest.mark.parametrize(
    ("turns", "line"),
    [
        pytest.param([], "no turn went through", id="none"),
        pytest.param([{**TURN, "processed_tokens": None}], "no counts", id="no-counts"),
        pytest.param(
            [{**TURN, "kept_tokens": -1}] * 2,
            "2 turns, 200 of 2,000 prompt tokens read; without warmprefix as many",
            id="nothing-kept",
        ),
    ],
)  # fmt: skip
def test_what_was_kept_is_one_line(turns: list[dict[str, object]], line: str) -> None:
    assert line in summary(turns)


def test_a_turn_without_a_time_is_old() -> None:
    assert when({"time": None}) < when(OLD) < when(TURN)
