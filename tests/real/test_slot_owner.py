"""Two proxies in front of one stock server: one chooses slots, and the other takes over when it dies."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from bench.sessions.wire import accepted, post
from tests.clients.serving import listening
from tests.fakes.llama import model_file, template
from tests.fakes.redis_server import RedisServer
from tests.fakes.running_proxy import Json, until
from tests.servers.stock import StockServer, stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]

LEASE_S = 0.6
START = f"""
import sys, warmprefix.server.owning
warmprefix.server.owning.LEASE_S = {LEASE_S}
from warmprefix.cli import main
sys.argv[0] = "warmprefix"
main()
"""
LONG = "Look after the harbour with care. " * 60
OTHERS = "another proxy has the slots"


class Proxy:
    """A proxy that is a process of its own."""

    def __init__(self, backend: str, ledger: str, folder: Path) -> None:
        folder.mkdir()
        settings = {
            "WARMPREFIX_MEMORY__STORE": "redis",
            "WARMPREFIX_MEMORY__PATH": ledger,
            "WARMPREFIX_BACKEND__KIND": "llamacpp",
            "HOME": str(folder),
        }
        kept = {name: os.environ[name] for name in os.environ if "WARMPREFIX_" not in name}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, "serve", "--backend", backend, "--port", "0"],
                env=kept | settings,
                stdout=log,
                stderr=subprocess.PIPE,
                text=True,
            )

    @cached_property
    def url(self) -> str:
        return listening(self.process)

    @property
    def owns(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/warmprefix/api/backends") as answer:
            (listed,) = json.load(answer)["backends"]
        return bool(listed["owns_slots"])

    async def turn(self, history: list[Json]) -> tuple[int | None, str]:
        """One request, which is added to the history with its reply; the slot that was chosen, and why."""
        lines = self.lines()
        body = {"messages": history, "max_tokens": 8}
        reply = accepted(post(f"{self.url}/v1/chat/completions", body))["choices"][0]["message"]
        history += [reply, {"role": "user", "content": "And then?"}]
        await until(lambda: len(self.lines()) > len(lines))
        line = self.lines()[-1]
        return line["slot"], line["slot_reason"]

    def lines(self) -> list[Json]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StockServer]:
    flags = ("-np", "2", "-c", "8192")
    made = StockServer(
        model_file("tiny", tmp_path), *flags, chat_template=template("chatml_tools")
    ).start()
    yield made
    made.close()


@pytest.fixture
def ledger() -> Iterator[RedisServer]:
    made = RedisServer()
    yield made
    made.stop()


async def test_the_slots_pass_to_another_proxy_when_their_owner_dies(
    server: StockServer, ledger: RedisServer, tmp_path: Path
) -> None:
    proxies = [Proxy(server.url, ledger.url, tmp_path / name) for name in ("one", "two")]
    try:
        await until(lambda: any(proxy.owns for proxy in proxies))
        owner, other = sorted(proxies, key=lambda proxy: not proxy.owns)
        ours: list[Json] = [{"role": "user", "content": f"One. {LONG}"}]
        theirs: list[Json] = [{"role": "user", "content": f"Two. {LONG}"}]
        chosen = [(await owner.turn(ours), await other.turn(theirs)) for _ in range(3)]

        assert [slot for _, (slot, _) in chosen] == [None] * 3
        assert {why for _, (_, why) in chosen} == {OTHERS}
        assert chosen[-1][0][0] is not None, chosen

        owner.kill()
        await until(lambda: other.owns)
        chosen_now = [await other.turn(theirs) for _ in range(3)]
        assert chosen_now[-1][0] is not None, chosen_now
        assert not {why for _, why in chosen_now} & {OTHERS}

        ledger.kill()  # who cannot prolong a lease gives it up
        await until(lambda: not other.owns)
        assert await other.turn(theirs) == (None, OTHERS)
    finally:
        for proxy in proxies:
            proxy.kill()
