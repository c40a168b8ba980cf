"""Each part is killed in turn while conversations run: each must have its own answers, and nobody else's bytes.

A request that ran through the part that died may fail; its client sends it again, as clients do.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Protocol

from bench.scale import rig
from bench.scale.echo import answer_to, told
from bench.sessions.script import Json
from bench.sessions.wire import ask

LEDGER = "the ledger"
_TRIES = 100
_AGAIN_S = 0.1


@dataclass(slots=True)
class Journal:
    """What clients saw. `wrong`: answers with other bytes than their own; `failed`: tries without an answer, by
    what was down meanwhile; `lost`: requests that were never answered; `numbers`: of those that were."""

    answered: int = 0
    wrong: int = 0
    lost: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    numbers: set[int] = field(default_factory=set)
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
                    self._journal.numbers.add(number)
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
    """`foreign`: bodies that reached a backend with bytes of another conversation; `served`: requests that the
    backends answered; `unseen`: requests that a client got an answer to and no backend answered."""

    journal: Journal
    foreign: int
    served: int
    unseen: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost and nothing was foreign, and only the killed parts failed requests."""
        journal = self.journal
        calm = journal.failed["nothing"] + journal.failed[LEDGER]
        return not (self.foreign or self.unseen or journal.wrong or journal.lost or calm)


class Part(Protocol):
    """One that may be killed, and started again at its address."""

    def kill(self) -> None:
        """End it as a crash does."""
        ...

    def start(self) -> None:
        """Start it again."""
        ...


@dataclass(frozen=True, slots=True)
class Fleet:
    """The address of three proxies, all that may die, by name, and the backends."""

    url: str
    parts: Mapping[str, Part]
    backends: Sequence[rig.Echo]


@contextmanager
def fleet() -> Iterator[Fleet]:
    """haproxy, three proxies on one ledger, another haproxy in front of the first of two backends."""
    health = "option httpchk\n  http-check send meth GET uri /warmprefix/health ver HTTP/1.1 hdr Host localhost"
    with (
        rig.echoes(2) as backends,
        rig.ledger() as ledger,
        rig.balancer([backends[0].url], "balance roundrobin") as router,
        rig.proxies(3, [router.url, backends[1].url], ledger.url, {"kind": "vllm"}) as made,
        rig.balancer([proxy.url for proxy in made], "balance roundrobin", health) as front,
    ):
        parts: dict[str, Part] = {f"proxy {n}": proxy for n, proxy in enumerate(made, 1)}
        parts |= {LEDGER: ledger}
        parts |= {f"backend {n}": backend for n, backend in enumerate(backends, 1)}
        parts |= {"haproxy behind the proxies": router, "haproxy before the proxies": front}
        yield Fleet(front.url, parts, backends)


def measure(clients: int, seconds: float, progress: Callable[[str], None]) -> Verdict:
    """Load for so many seconds before, during and after each fault. `progress` is told the part that dies."""
    journal, stop = Journal(), threading.Event()
    with fleet() as running:
        asking = [Client(number, running.url, journal, stop) for number in range(1, clients + 1)]
        for client in asking:
            client.start()
        for name, part in running.parts.items():
            progress(name)
            time.sleep(seconds)
            journal.phase = name
            part.kill()
            time.sleep(seconds)
            part.start()
            time.sleep(seconds)
            journal.phase = "nothing"
        stop.set()
        for client in asking:
            client.join()
        found = [told(backend.journal) for backend in running.backends]
    numbers = [number for one in found for number in one.answered]
    unseen = len(journal.numbers - set(numbers))
    return Verdict(journal, sum(one.foreign for one in found), len(numbers), unseen)
