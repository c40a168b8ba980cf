"""The processes of a soak: two backends, the proxy, the clients, and their files."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO

from bench.soak.sampling import Sample, look
from tests.fakes.redis_server import RedisServer

_CONFIG = """\
[server]
port = {port}
[memory]
store = "{store}"
path = "{ledger}"
max_bytes = 50000000
[log]
file = "{folder}/turns.log"
max_bytes = 1000000000
"""
_BACKEND = """\
[[backends]]
url = "http://127.0.0.1:{port}"
kind = "llamacpp"
idle_connection_s = 1.0
"""


@dataclass
class Rig:
    """The processes of a soak, and their files in `folder`."""

    folder: Path
    seed: int
    conversations: int
    port: int = 0
    ports: list[int] = field(default_factory=list)
    backends: list[subprocess.Popen[bytes]] = field(default_factory=list)
    restarts: int = 0
    redis: RedisServer | None = None
    samples: list[Sample] = field(default_factory=list)
    began_s: float = 0.0

    def start(self, name: str, *arguments: object) -> subprocess.Popen[bytes]:
        """A process whose output goes to a file."""
        line = [sys.executable, "-m", name, *map(str, arguments)]
        with (self.folder / f"{name}.out").open("ab") as output:
            return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=output)

    def journal(self, at: int) -> Path:
        """The journal of a backend, over all its starts."""
        return self.folder / f"backend{at}.journal"

    def start_backend(self, at: int) -> subprocess.Popen[bytes]:
        """Start a backend, always on the same port."""
        return self.start("bench.soak.backend", self.ports[at], self.seed, self.journal(at))

    def restart(self, at: int, choose: Random) -> None:
        """Kill one backend, and start it again after a moment."""
        self.backends[at].kill()
        self.backends[at].wait()
        time.sleep(choose.uniform(0.0, 0.8))
        self.backends[at] = self.start_backend(at)
        self.restarts += 1

    def sample(self, pid: int) -> Sample:
        """Look at the proxy now."""
        return look(pid, time.monotonic() - self.began_s)

    def running(self) -> int:
        """Requests that the proxy says are running."""
        url = f"http://127.0.0.1:{self.port}/warmprefix/api/backends"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return sum(backend["running"] for backend in json.load(answer)["backends"])


def configure(rig: Rig) -> Path:
    """Write the settings of the proxy to a file."""
    config = rig.folder / "warmprefix.toml"
    store, ledger = ("redis", rig.redis.url) if rig.redis else ("sqlite", f"{rig.folder}/ledger.db")
    text = _CONFIG.format(port=rig.port, folder=rig.folder, store=store, ledger=ledger)
    config.write_text(text + "".join(_BACKEND.format(port=port) for port in rig.ports))
    return config


def start_proxy(config: Path, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """`warmprefix serve`; its standard output is the turn log, which is also written to a file."""
    line = [sys.executable, "-m", "warmprefix", "serve", "--config", str(config)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(config.parent)}
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
