"""Whether a slot may be evaluated ahead, and how far an evaluation goes. The coming prompt itself:
tests/slots/test_prewarm.py."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.running_proxy import until
from tests.slot_driver import ran, state, take
from warmprefix.backends import llamacpp
from warmprefix.backends.known import KnownBackend
from warmprefix.backends.llama import Llama
from warmprefix.backends.template import UNKNOWN, LaterSystem
from warmprefix.config import Config
from warmprefix.core.slots.prewarm import Plan
from warmprefix.counters import Counters
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.stages import Written, as_it_came
from warmprefix.slots.ahead import Ahead, Run
from warmprefix.slots.table import SlotTable
from warmprefix.stores.memory import MemoryStore
from warmprefix.tasks import Tasks

HELD = 1000


class Looking:
    """Two slots, of which the first holds a conversation."""

    def __init__(self, backend: LlamaDouble) -> None:
        self.backend = backend
        self.tasks = Tasks()
        self.known = KnownBackend(backend.url, "llamacpp", self.tasks)
        self.table = SlotTable()
        self.table.read((state(0, 0), state(1, 0)), self.table.events)
        self.counters = Counters()
        store = MemoryStore(10**9, 10**9)
        pipeline = Pipeline(Config(), store, self.counters, Recent(10**6))
        self.ahead = Ahead(pipeline, self.table, self.known, self.counters)
        ran(self.table, "a", 0, HELD)
        backend.held[0] = HELD

    @property
    def llama(self) -> Llama:
        assert self.known.llama is not None
        return self.known.llama

    def run(self) -> Run:
        return Run(self.ahead, 0, "a", "m", HELD, HELD, HELD)


@asynccontextmanager
async def looking() -> AsyncIterator[Looking]:
    async with LlamaDouble(2) as backend:
        made = Looking(backend)
        await made.known.ask_template()
        try:
            yield made
        finally:
            await made.tasks.finish(5)
            await made.known.close()


OURS: list[tuple[str, int, str, int, int, bool]] = [
    # slot, conversation, at least and at most so many tokens
    ("just-what-was-left", 0, "a", HELD, HELD, True),
    ("broken-off", 0, "a", 0, 2 * HELD, True),
    ("less-than-that", 0, "a", HELD + 1, 2 * HELD, False),
    ("more-than-that", 0, "a", 0, HELD - 1, False),
    ("anothers", 0, "b", HELD, HELD, False),
    ("empty", 1, "a", 0, HELD, False),
    ("no-such-slot", 2, "a", 0, HELD, False),
]


@pytest.mark.parametrize(
    ("slot", "name", "least", "most", "expected"),
    [row[1:] for row in OURS],
    ids=[row[0] for row in OURS],
)
async def test_a_slot_is_ours_if_it_holds_what_was_left_there(
    slot: int, name: str, least: int, most: int, expected: bool
) -> None:
    async with looking() as own:
        assert await own.ahead.is_ours(slot, name, least, most) is expected


async def test_it_is_not_while_anything_runs() -> None:
    async with looking() as own:
        own.backend.busy = True
        assert not await own.ahead.is_ours(0, "a", HELD, HELD)
        own.backend.busy = False
        take(own.table, "a", 0, 2)

        assert not await own.ahead.is_ours(0, "a", HELD, HELD)


async def test_a_server_with_other_slots_is_another_one() -> None:
    async with looking() as own:
        own.backend.held.append(0)
        own.backend.tasks.append(None)

        assert not await own.ahead.is_ours(0, "a", HELD, HELD)


def plan(tokens: int) -> Plan:
    return Plan(tuple(range(tokens)), HELD)


async def test_all_of_it_is_evaluated_in_steps() -> None:
    async with looking() as own:
        run = own.run()
        await run.steps(own.llama, plan(HELD + 50), 20)
        sizes = [len(request.json()["prompt"]) for request in own.backend.evaluations]

    assert sizes[-1] == HELD + 50
    assert all(0 < b - a <= 20 for a, b in zip([HELD, *sizes], sizes, strict=False))
    assert (run.held, run.least, run.most) == (HELD + 50,) * 3
    assert run.evaluated == 10 * len(sizes)  # the double reads ten tokens each time
    assert own.counters.prewarms == {"runs": 1, "tokens": run.evaluated}


async def test_it_ends_when_the_slot_is_no_longer_ours() -> None:
    async with looking() as own:
        own.backend.held[0] = 7
        run = own.run()
        await run.steps(own.llama, plan(HELD + 50), 20)

    assert own.backend.evaluations == []
    assert (run.held, run.evaluated) == (HELD, 0)


async def test_it_ends_when_the_server_refuses() -> None:
    async with looking() as own:
        own.backend.missing = frozenset({"/completion"})
        run = own.run()
        await run.steps(own.llama, plan(HELD + 50), 20)
        asked = [r.target for r in own.backend.requests].count("/completion")

    assert (asked, run.held) == (1, HELD)


async def test_one_that_is_cancelled_can_be_gone_on_with() -> None:
    """The step that was broken off may have read any part of it."""
    async with looking() as own:
        own.backend.stalls = True
        run = own.run()
        running = asyncio.create_task(run.steps(own.llama, plan(HELD + 50), 20))
        await until(lambda: bool(own.backend.evaluations))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert running.cancelled()
    assert run.held == run.least == HELD < run.most
    assert own.counters.prewarms == {"runs": 1, "cancelled": 1}


class Rendering:
    """A backend that keeps what it is to render."""

    def __init__(self, *, folds: bool) -> None:
        later = LaterSystem.REFUSED if folds else LaterSystem.SHOWN
        self.template = replace(UNKNOWN, later_system=later)
        self.chat: dict[str, object] = {}

    async def render(self, body: bytes) -> str:
        self.chat = json.loads(body)
        return "rendered"


CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
ASKED = {"role": "user", "content": "x"}
LATER = {"role": "system", "content": "y"}
FOLDED = {"role": "user", "content": "x\n\n<system-reminder>\ny\n</system-reminder>"}
RENDERED: list[tuple[str, str, bool, list[dict[str, str]]]] = [
    ("chat", CHAT, False, [ASKED, LATER]),
    ("messages", MESSAGES, False, [{"role": "system", "content": "s"}, ASKED, LATER]),
    ("messages-folded", MESSAGES, True, [{"role": "system", "content": "s"}, FOLDED]),
]


@pytest.mark.parametrize(
    ("path", "folds", "expected"), [row[1:] for row in RENDERED], ids=[row[0] for row in RENDERED]
)
async def test_a_prompt_is_rendered_as_the_chat_that_the_server_makes_of_it(
    path: str, folds: bool, expected: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"messages": [ASKED, LATER], **({"system": "s"} if path == MESSAGES else {})}
    rendering = Rendering(folds=folds)
    pipeline = Pipeline(Config(), MemoryStore(10**9, 10**9), Counters(), Recent(10**6))
    came = as_it_came(path, {}, json.dumps(body).encode())
    written = await pipeline.prepare(came, llamacpp.KIND)
    assert isinstance(written, Written)
    async with looking() as own:
        monkeypatch.setattr(own.ahead, "known", rendering)

        assert await own.ahead.render(written) == "rendered"

    assert rendering.chat["messages"] == expected
