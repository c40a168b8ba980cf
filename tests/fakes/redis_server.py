"""A real redis-server (Debian's) of a test's own, on a free port of the loopback, in a folder of its own."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.servers.stock import free_port
from warmprefix.stores.redis.server import Server

PROGRAM = shutil.which("redis-server")
_DEADLINE_S = 60.0


class RedisServer:
    """Runs from its construction on. `options`: more of redis-server's command line."""

    def __init__(self, *options: str) -> None:
        if PROGRAM is None:
            pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="warmprefix-redis-"))
        self.options = options
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._asked = Server(self.url, None)
        atexit.register(self.stop)
        self.start()

    def start(self) -> None:
        """Start, or start again on the same port and with what is on disk."""
        place = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder))
        self.process = subprocess.Popen(
            [str(PROGRAM), *place, "--save", "", *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + _DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, "redis-server has ended"
                assert time.monotonic() < deadline_s, "redis-server does not listen"
                time.sleep(0.02)

    def command(self, *words: str) -> object:
        """The answer to a command."""
        return self._asked.command(*words)

    def hang(self) -> None:
        """Answer nothing any more, with every connection open."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again, also what was asked in the meantime."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it and remove its folder."""
        self._asked.close()
        if self.process.poll() is None:
            self.go_on()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)
