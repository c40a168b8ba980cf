"""Each part is killed in turn while conversations run: each must have its own answers, and nobody else's bytes.

A request that ran through the part that died may fail; its client sends it again, as clients do.
"""

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

from bench.scale import rig
from bench.scale.echo import answer_to
from bench.scale.rig import Proxy
from bench.sessions.script import Json
from bench.sessions.wire import ask

_TRIES = 100
_AGAIN_S = 0.1


@dataclass(slots=True)
class Journal:
    """What clients saw. `wrong`: answers with other bytes than their own; `failed`: tries without an answer, by
    what was down meanwhile; `lost`: requests that were never answered."""

    answered: int = 0
    wrong: int = 0
    lost: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    phase: str = "nothing"


class Client(threading.Thread):
    """One conversation after the other, until it is told to stop."""

    def __init__(self, number: int, url: str, journal: Journal, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._number, self._url, self._journal, self._halt = number, url, journal, stop
        self._sent = number * 1_000_000

    def run(self) -> None:
        """Turns of conversations of eight."""
        conversation = 0
        while not self._halt.is_set():
            mark = f"<c{self._number * 100_000 + conversation}>"
            history: list[Json] = [{"role": "system", "content": f"{mark} Be careful. " * 30}]
            for _ in range(8):
                if self._halt.is_set():
                    return
                self._sent += 1
                question = f"{mark} question #{self._sent}"
                history.append({"role": "user", "content": question})
                reply = self._asked(mark, self._sent, history)
                history.append({"role": "assistant", "content": reply.strip()})
            conversation += 1

    def _asked(self, mark: str, number: int, history: list[Json]) -> str:
        body = json.dumps({"model": "m", "messages": history}).encode()
        for _ in range(_TRIES):
            phase = self._journal.phase
            try:
                headers = {"Content-Type": "application/json"}
                answer = ask("POST", f"{self._url}/v1/chat/completions", body, headers)
                if answer.status == 200:
                    text = str(answer.json()["choices"][0]["message"]["content"])
                    self._journal.answered += 1
                    self._journal.wrong += text != answer_to(mark, number)
                    return text
            except (HTTPException, OSError, ValueError):
                pass
            if phase == "nothing":  # it may have begun just before
                phase = self._journal.phase
            self._journal.failed[phase] += 1
            time.sleep(_AGAIN_S)
        self._journal.lost += 1
        return answer_to(mark, number)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`foreign`: bodies that reached a backend with bytes of another conversation; `unanswered`: numbers that a
    backend answered and no client got."""

    journal: Journal
    foreign: int
    served: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost and nothing was foreign, and only the killed parts failed requests."""
        calm = self.journal.failed["nothing"] + self.journal.failed["the ledger"]
        return not (self.foreign or self.journal.wrong or self.journal.lost or calm)


Kill = Callable[[], None]


@contextmanager
def fleet() -> Iterator[tuple[str, dict[str, tuple[Kill, Kill]], list[str]]]:
    """The address of the fleet; how each part is killed and brought back; the addresses of the backends."""
    health = "option httpchk\n  http-check send meth GET uri /warmprefix/health ver HTTP/1.1 hdr Host localhost"
    with (
        rig.worker("bench.scale.echo") as (one, _),
        rig.worker("bench.scale.echo") as (two, _),
        rig.ledger() as ledger,
    ):
        backends = [f"http://127.0.0.1:{port}" for port in (one, two)]
        with (
            rig.haproxy(backends[:1], "balance roundrobin") as first,
            rig.proxies(3, [first, backends[1]], ledger.url, {"kind": "vllm"}) as made,
            rig.haproxy([proxy.url for proxy in made], "balance roundrobin", health) as url,
        ):
            parts: dict[str, tuple[Kill, Kill]] = {
                f"proxy {number}": _both(proxy) for number, proxy in enumerate(made, 1)
            }
            parts["the ledger"] = (ledger.kill, ledger.start)
            yield url, parts, backends


def _both(proxy: Proxy) -> tuple[Kill, Kill]:
    return proxy.kill, proxy.start


def measure(clients: int, seconds: float) -> Verdict:
    """Load for so many seconds before, during and after each fault."""
    journal, stop = Journal(), threading.Event()
    with fleet() as (url, parts, backends):
        running = [Client(number, url, journal, stop) for number in range(1, clients + 1)]
        for client in running:
            client.start()
        for name, (kill, start) in parts.items():
            time.sleep(seconds)
            journal.phase = name
            kill()
            time.sleep(seconds)
            start()
            time.sleep(seconds)
            journal.phase = "nothing"
        stop.set()
        for client in running:
            client.join()
        found = [told(url) for url in backends]
    foreign, served = (sum(each) for each in zip(*map(_counts, found), strict=True))
    return Verdict(journal, foreign, served)


def told(backend: str) -> Json:
    """What a backend has answered and seen."""
    with urllib.request.urlopen(f"{backend}/told") as answer:
        found: Json = json.load(answer)
    return found


def _counts(found: Json) -> tuple[int, int]:
    return found["foreign"], len(found["answered"])
