"""A stock llama-server in the soak: conversations through a second proxy that shares the ledger of the first.

The server is killed now and then, and hostile clients attack this proxy too. Replies are what its tiny model
says, so they cannot be compared byte for byte; counted are how the turns end, and how much of them was read.
"""

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bench.never_worse.settings import MODELS
from tests.servers.stock import StockServer

CLIENTS = 3
_TURNS = 8
_LIMIT_S = 300.0
_UP_S = (40.0, 120.0)
"""How long the server runs until it is killed, at least and at most."""


@dataclass(slots=True)
class Stock:
    """The server, its clients, and what became of their turns.

    `ended`: turns by how they ended. `prompt`, `cached`: tokens of the second and later turns of a conversation
    that the server went on with; after a kill its cache is empty, so those turns are left out. `changes`: how
    often the server went or came back; it is up if the number is even.
    """

    server: StockServer
    ended: Counter[str] = field(default_factory=Counter)
    prompt: int = 0
    cached: int = 0
    changes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def load(self, port: int, seed: int) -> None:
        """Begin: the clients, and the kills."""
        works: list[tuple[Any, tuple[Any, ...]]] = [(self._kill, (Random(f"{seed}/kills"),))]
        works += [(self._client, (port, Random(f"{seed}/stock {n}"))) for n in range(CLIENTS)]
        self._threads = [threading.Thread(target=do, args=args) for do, args in works]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let the turns that run come to their end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """End the server."""
        self._over.set()
        self.server.close()

    @property
    def lost(self) -> int:
        """Turns that failed although the server had been up all the time."""
        return self.ended["lost"]

    def told(self) -> str:
        """A line for the report."""
        share = self.cached / self.prompt if self.prompt else 0.0
        ends = ", ".join(f"{count} {end}" for end, count in self.ended.most_common())
        kills = (self.changes + 1) // 2
        return f"stock llama-server, {kills} kills: {ends}; {share:.1%} of later turns cached"

    def _kill(self, choose: Random) -> None:
        while not self._over.wait(choose.uniform(*_UP_S)):
            self.changes += 1
            self.server.kill()
            self.server.start()
            self.changes += 1

    def _client(self, port: int, choose: Random) -> None:
        while not self._over.is_set():
            messages = [{"role": "system", "content": _text(choose, 300)}]
            begun = self.changes
            for turn in range(_TURNS):
                messages.append({"role": "user", "content": _text(choose, 40)})
                before = self.changes
                answer = _asked(port, messages)
                was_up = before == self.changes and before % 2 == 0
                self.note(answer, was_up=was_up, can_share=was_up and turn > 0 and begun == before)
                if self._over.wait(choose.uniform(0.2, 2.0)) or answer is None:
                    break
                messages.append(answer["choices"][0]["message"])

    def note(self, answer: dict[str, Any] | None, *, was_up: bool, can_share: bool) -> None:
        """Count one answer, None if there was none. `was_up`: the server was, from the first byte to the last;
        `can_share`: it has been since an earlier turn of the conversation."""
        with self._lock:
            if answer is None:
                self.ended["lost" if was_up else "failed beside a kill"] += 1
                return
            self.ended["answered"] += 1
            if can_share:
                usage = answer["usage"]
                self.prompt += usage["prompt_tokens"]
                self.cached += usage["prompt_tokens_details"]["cached_tokens"]


def started() -> Stock:
    """A stock llama-server on the tiny model, with no flags but what a test needs."""
    model = MODELS["full"]
    server = StockServer(model.file(), chat_template=model.template("chatml_tools"))
    server.start()
    return Stock(server)


def configuration(folder: Path, port: int, stock: Stock, redis: str) -> Path:
    """The settings of the second proxy, in a file."""
    file = folder / "stock.toml"
    file.write_text(
        f'[server]\nport = {port}\n[memory]\nstore = "redis"\npath = "{redis}"\n'
        f'[backend]\nurl = "{stock.server.url}"\n[log]\nfile = "{folder}/stock-turns.log"\n'
    )
    return file


def _asked(port: int, messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The answer of one turn; None if it was none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT_S)
    body = json.dumps({"model": "stock", "messages": messages, "max_tokens": 24})
    try:
        connection.request(
            "POST", "/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        return answer if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _text(choose: Random, words: int) -> str:
    return " ".join(f"word{choose.randrange(500)}" for _ in range(words))
