"""`python -m bench path --core`: what the proxy does to the messages, without sockets.

Parse, canonicalize, identify (chain keys and what the ledger knows of them), restore and write, as pipeline.py
does them, on a ledger in memory. *fresh*: all of it is new. *known*: the same request again. *two more*: the
conversation goes on by a reply and a question.
"""

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Iterable

from bench.path.bodies import history, tools
from bench.path.measure import Figure
from bench.path.report import Goal, exit_code, goal_lines, machine, markdown
from tests import chat_dialect
from warmprefix.backends import llamacpp
from warmprefix.config import Config, MemoryConfig
from warmprefix.core.turn import Times
from warmprefix.core.types import Finish, Outcome, Reply
from warmprefix.counters import Counters
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Outgoing, as_it_came, ended_of
from warmprefix.profiles.volatile import explained_patterns
from warmprefix.server.run import spare_the_collector
from warmprefix.stores.memory import MemoryStore

COUNTS = (10, 100, 1000, 4000)
HIGHEST_MS = 15.0
HIGHEST_GROWTH = 1.5
"""How much the time per message may grow from 100 messages to 4,000: linear is 1, but a processor's caches are
finite.
"""
_CHARACTERS = 900  # per message, so that 1,000 of them are 1 MB
_PATH = "/v1/chat/completions"
_KIND = llamacpp.KIND
_TIMES = Times(0.0, 0.0, 0.0, None)
_REPLY: dict[str, object] = {"role": "assistant", "content": "A reply of some words."}
_SAMPLES_S = 2.0


class Proxy:
    """The pipeline and the ledger of a proxy that has seen nothing."""

    def __init__(self) -> None:
        self.counters = Counters()
        store, recent = MemoryStore(1 << 30, 1e9), Recent()
        config = Config(memory=MemoryConfig(store="memory"))
        self._pipeline = Pipeline(config, store, self.counters, recent)
        self._recorder = Recorder(store, recent, explained_patterns(), self._pipeline.identifier)

    async def prepare(self, body: bytes) -> Outgoing:
        """The request that is sent for a body."""
        return await self._pipeline.prepare(as_it_came(_PATH, {}, body), _KIND)

    async def turn(self, body: bytes) -> None:
        """Handle a request and its reply, and remember both."""
        outgoing = await self.prepare(body)
        message = parse_message(json.dumps(_REPLY).encode())
        reply = Reply(message=message, finish=Finish.ANSWER)
        self._recorder.ended(ended_of(outgoing, reply, 200, Outcome.OK, _TIMES))


def core() -> int:
    """Measure and print; 1 if a goal was missed."""
    spare_the_collector()  # as `serve` does
    found = {count: asyncio.run(_of(count)) for count in COUNTS}
    head = ["messages", "bytes", "parse alone", "fresh", "µs a message", "known", "two more"]
    print(f"{machine()}; milliseconds, p50 ± half the distance of the quartiles.\n")
    print("\n".join(markdown(head, (_row(count, figures) for count, figures in found.items()))))
    print()
    reached = _goals(found)
    print("\n".join(goal_lines(reached)))
    return exit_code(reached)


class _Figures:
    def __init__(
        self, size: int, parse: Figure, fresh: Figure, known: Figure, more: Figure
    ) -> None:
        self.size, self.parse, self.fresh, self.known, self.more = size, parse, fresh, known, more


async def _of(count: int) -> _Figures:
    base = history(count, count * _CHARACTERS)
    body = _body(base)
    seen = Proxy()
    new = (_body(history(count, count * _CHARACTERS, f"#{n} ")) for n in range(10**9))
    fresh = await _timed(lambda: map(seen.prepare, new))
    await seen.turn(body)
    await seen.turn(body)
    known = await _timed(lambda: (seen.prepare(body) for _ in iter(int, 1)))
    bodies = (_body([*base, _REPLY, _question(number)]) for number in range(10**9))
    more = await _timed(lambda: map(seen.prepare, bodies))
    parse = await _timed(lambda: (_parse(body) for _ in iter(int, 1)))
    assert not seen.counters.fail_open, seen.counters.fail_open
    return _Figures(len(body), parse, fresh, known, more)


def _body(messages: list[dict[str, object]]) -> bytes:
    value = {"model": "mock", "tools": tools(), "messages": messages}
    return json.dumps(value, separators=(",", ":")).encode()


def _question(number: int) -> dict[str, object]:
    return {"role": "user", "content": f"And number {number}?"}


async def _parse(body: bytes) -> object:
    return chat_dialect.parse(body)


async def _timed(works: Callable[[], Iterable[Awaitable[object]]]) -> Figure:
    """Milliseconds of each work, for two seconds, but at least five times; the first is not counted."""
    spent: list[float] = []
    gc.collect()
    until_s = time.perf_counter() + _SAMPLES_S
    for work in works():
        began_s = time.perf_counter()
        await work
        spent.append((time.perf_counter() - began_s) * 1000)
        if len(spent) > 5 and time.perf_counter() > until_s:
            break
    ordered = sorted(spent[1:])
    quarter = len(ordered) // 4
    return Figure(ordered[len(ordered) // 2], (ordered[-1 - quarter] - ordered[quarter]) / 2)


def _row(count: int, found: _Figures) -> list[str]:
    figures = [found.parse, found.fresh, found.known, found.more]
    parse, fresh, known, more = (f"{f.middle:.2f} ±{f.half_spread:.2f}" for f in figures)
    each = f"{found.fresh.middle / count * 1000:.1f}"
    return [f"{count:,}", f"{found.size:,}", parse, fresh, each, known, more]


def _goals(found: dict[int, _Figures]) -> list[Goal]:
    fresh, known = found[1000].fresh.middle, found[1000].known.middle
    more = found[1000].more.middle - known
    growth = (found[4000].fresh.middle / 4000) / (found[100].fresh.middle / 100)
    return [
        Goal(
            f"1,000 messages, 1 MB, all of it new: at most {HIGHEST_MS:.0f} ms",
            f"{fresh:.1f} ms",
            fresh <= HIGHEST_MS,
        ),
        Goal(
            f"linear: a message costs at most {HIGHEST_GROWTH} times as much at 4,000 as at 100",
            f"{growth:.2f}",
            growth <= HIGHEST_GROWTH,
        ),
        Goal(
            "two more messages: no more than 10 % of the known history above it",
            f"{more:+.2f} ms on {known:.2f}",
            more <= known * 0.1,
        ),
    ]
