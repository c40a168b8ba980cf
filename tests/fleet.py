"""Several proxies on one ledger without their sockets: each request comes to the next of them.

The backend is one that loses nothing: it reuses what a prompt shares with any that it has read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from tests.ledger_driver import Driver, Json
from tests.stores.places import empty_redis
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.types import Timings
from warmprefix.dialects import dialect_of
from warmprefix.stores.base import Opening
from warmprefix.stores.redis.store import RedisStore

_CHARACTERS = 4  # a token
_START = "the only one"


@dataclass(frozen=True)
class Told:
    """What a proxy made of a request and says of its turn. Conversations and turns are counted in the order in
    which they appear."""

    body: bytes
    conversation: int | None
    index: int
    parent: int | None
    turn: Any


class Fleet:
    """So many proxies. `told`: what became of each request."""

    def __init__(self, count: int, enable: Sequence[str] = (), **canonicalize: Any) -> None:
        opening = Opening(empty_redis(), 10**9, 1e6)
        self.drivers = [
            Driver(enable, store=RedisStore(opening), start=_START, **canonicalize)
            for _ in range(count)
        ]
        self.told: list[Told] = []
        self._next = cycle(self.drivers)
        self._read: list[str] = []
        self._names: dict[str, int] = {}

    async def send(
        self, body: Json, reply: Json | None, headers: dict[str, str] | None = None
    ) -> None:
        """One request, whose turn is written before the next one comes."""
        driver = next(self._next)
        others = {
            key: value for key, value in body.items() if key not in ("model", "messages", "tools")
        }
        await driver.send(
            body["messages"], body.get("tools"), reply, headers, self._timings, **others
        )
        await driver.store.flush()
        self._read[-1] = f"{self._read[-1][:-1]}, {json.dumps(reply)}]"
        self._tell(driver)

    async def ask(self, path: str, body: Json, headers: Mapping[str, str], reply: bytes) -> None:
        """The same at any endpoint. `reply`: the body of the backend's."""
        driver = next(self._next)
        dialect = dialect_of(path)
        assert dialect is not None
        reader = dialect.reader(False)
        reader.feed(reply)
        raw = json.dumps(body, separators=(",", ":")).encode()
        await driver.send_body(path, raw, reader.finish().message, headers, self._timings)
        await driver.store.flush()
        self._read[-1] = f"{self._read[-1][:-1]}, {reply.decode()}]"
        self._tell(driver)

    def _timings(self, sent: Json) -> Timings:
        first = [sent[name] for name in ("tools", "system", "instructions") if name in sent]
        text = json.dumps([*first, *(sent.get("messages") or sent["input"])])
        shared = max((shared_characters(text, read) for read in self._read), default=0)
        self._read.append(text)
        cached, total = shared // _CHARACTERS, len(text) // _CHARACTERS
        return Timings(
            prompt_n=total - cached,
            cache_n=cached,
            predicted_n=20,
            prompt_ms=float(total - cached),
            predicted_ms=200.0,
        )

    def _tell(self, driver: Driver) -> None:
        turn, outgoing = driver.turn, driver.outgoing
        assert turn is not None
        assert turn.place is not None
        assert outgoing is not None
        assert not driver.counters.fail_open
        place = turn.place
        number = self._number(place.conversation), self._number(place.parent)
        self._number(turn.id)
        said = (turn.kind, turn.prefix, turn.rules, turn.restored, turn.cache_break)
        counts = (turn.stats, turn.put_back_tokens, place.known)
        self.told.append(Told(outgoing.body, number[0], place.index, number[1], (*said, *counts)))

    def _number(self, name: str | None) -> int | None:
        return None if name is None else self._names.setdefault(name, len(self._names))

    async def close(self) -> None:
        """Close the stores."""
        for driver in self.drivers:
            await driver.store.close()
