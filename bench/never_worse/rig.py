"""The servers that a plan is played on: a stock llama-server, with or without `warmprefix serve` in front."""

import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bench.never_worse.mouth import Mouth
from bench.never_worse.plan import Json, Plan
from bench.never_worse.player import Count, Player
from bench.never_worse.settings import Model, Setting
from bench.sessions.evaluation import ENVIRONMENT
from bench.sessions.wire import post
from tests.servers.stock import StockServer, free_port

NAP_S = 2
_SLOT_TOKENS = 16384  # the longest conversation of a plan has 9,000
_LIMIT_S = 30.0
WARMING = {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1}
_METRIC = re.compile(r"^llamacpp:prompt_tokens_total (\S+)", re.MULTILINE)
_starting = multiprocessing.get_context("forkserver")
_starting.set_forkserver_preload(["bench.never_worse.preload"])


@dataclass(slots=True)
class Played:
    """`total`: all tokens that the server evaluated, for clients or not. `log`: the proxy's lines.

    `failures`: requests that had to be made once more. `sleepless`: naps that the server was kept from.
    """

    counts: list[Count]
    total: int = 0
    failures: int = 0
    sleepless: int = 0
    log: list[Json] = field(default_factory=list)

    @property
    def processed(self) -> int:
        """Tokens evaluated for the clients."""
        return sum(count.processed_tokens for count in self.counts)


class Server:
    """The llama-server of one run; its counts survive its restarts."""

    def __init__(self, plan: Plan, setting: Setting, model: Model, folder: Path) -> None:
        flags = [*setting.flags, "--metrics"]
        if setting.saves:
            flags += ["--slot-save-path", f"{folder}/"]
        if plan.naps:
            flags += ["--sleep-idle-seconds", str(NAP_S)]
        self.stock = StockServer(
            model.file(),
            *flags,
            chat_template=model.template(plan.template),
            context=_SLOT_TOKENS * setting.slots,
            environment=ENVIRONMENT if plan.needs_mouth else None,
        )
        self.stock.start()
        self.sleepless = 0
        self._before = 0

    def total(self) -> int:
        """Tokens of prompts that it evaluated since it was first started."""
        with urllib.request.urlopen(f"{self.stock.url}/metrics", timeout=_LIMIT_S) as answer:
            found = _METRIC.search(answer.read().decode())
        assert found is not None
        return self._before + round(float(found[1]))

    def restart(self) -> None:
        """Kill it and start it again."""
        self._before = self.total()
        self.stock.kill()
        self.stock.start()

    def nap(self) -> None:
        """Return when it sleeps, or after three times the time it should take: something kept it awake."""
        until = time.monotonic() + 3 * NAP_S
        while not self.stock.get("/props").get("is_sleeping"):
            if time.monotonic() > until:
                self.sleepless += 1
                return
            time.sleep(0.1)


def play(
    plan: Plan,
    setting: Setting,
    model: Model,
    *,
    through: bool,
    at_once: int = 1,
    rest_s: float = 0.0,
    is_warm: bool = False,
) -> Played:
    """One run on a fresh server, with a proxy that remembers nothing if `through`.

    `at_once`: how many clients ask at the same time at most; 1: all steps in order. `rest_s`: how long each of
    them rests between its requests, at most. `is_warm`: one short request goes before, and is not counted.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "slots").mkdir(mode=0o700)
        server = Server(plan, setting, model, folder / "slots")
        stack.callback(server.stock.close)
        url = server.stock.url
        through_it = stack.enter_context(ExitStack())
        mouth = None
        if plan.needs_mouth and model.forced:
            mouth = Mouth(url)
            stack.callback(mouth.close)
            url = mouth.url
        if through:
            url = through_it.enter_context(proxy(url, folder, saves=setting.saves))
        if is_warm:
            post(f"{url}/v1/chat/completions", WARMING)
        player = Player(url, plan, server.restart, server.nap, forced=model.forced)
        counts = player.play() if at_once == 1 else player.play_at_once(at_once, rest_s)
        total = server.total() - (mouth.beside if mouth is not None else 0)
        through_it.close()  # otherwise its last line may be half written
        log = (folder / "stdout").read_text().splitlines() if through else []
        lines = [json.loads(line) for line in log if line.startswith("{")]
        return Played(counts, total, player.failures, server.sleepless, lines)


@contextmanager
def proxy(
    backend: str, folder: Path, *, saves: bool, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """The address of `warmprefix serve`, a process of its own, with its default settings and `more` from the
    environment.

    It is forked from one that has imported everything, since that takes a second.
    """
    port = free_port()
    settings = {"WARMPREFIX_MEMORY__PATH": str(folder / "ledger.db"), **more}
    if saves:
        settings["WARMPREFIX_SLOTS__SAVE_PATH"] = str(folder / "slots")
    arguments = ["serve", "--port", str(port), "--backend", backend]
    process = _starting.Process(target=_serve, args=(settings, arguments, folder), daemon=True)
    process.start()
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/warmprefix/ready", folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join(10)
        process.kill()
        process.join()


def _serve(settings: dict[str, str], arguments: list[str], folder: Path) -> None:
    """In the child: what the console script does."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    for name in [name for name in os.environ if name.startswith("WARMPREFIX_")]:
        del os.environ[name]
    os.environ.update(settings)
    os.chdir(folder)
    from warmprefix.cli import main

    sys.argv = ["warmprefix", *arguments]
    main()


def _wait_until_ready(url: str, folder: Path) -> None:
    until = time.monotonic() + _LIMIT_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError((folder / "stderr").read_text())
