"""Which slots a request is about: those of the one model, or those of the model that a router runs for it.
tests/real/test_router.py has a real router."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.pages import serving
from tests.fakes.scripted import ScriptedBackend
from tests.ledger_driver import NO_TIMES
from tests.request_stages import read, unread
from warmprefix.backends.known import KnownBackend, KnownModel
from warmprefix.core.explain.direct import Direct
from warmprefix.core.slots.seat import NO_SEAT, Seated, Unseen
from warmprefix.core.slots.state import SlotState
from warmprefix.core.types import Outcome, Reply
from warmprefix.counters import Counters
from warmprefix.pipeline.stages import Ended, Passed, Patch, ended_of
from warmprefix.slots.compare import Comparing
from warmprefix.slots.pause import Pause
from warmprefix.slots.seating import Seating
from warmprefix.slots.seatings import ModelParts, Seatings, always
from warmprefix.slots.table import SlotTable
from warmprefix.tasks import Tasks


def router(most: int = 1, **loaded: bool) -> ScriptedBackend:
    """A router with these models, which keeps so many loaded."""
    models = [
        {
            "id": name,
            "aliases": [f"{name}-alias"],
            "status": {"value": "loaded" if is_loaded else ""},
        }
        for name, is_loaded in loaded.items()
    ]
    props = {"role": "router", "max_instances": most}
    return serving({"/props": props, "/v1/models": {"data": models}})


class Saving(Seating):
    """The slots of a model, which note when they are to be saved."""

    saves = 0

    async def save_all(self) -> None:
        self.saves += 1


class Pausing:
    """What works between requests, which counts how often it is called."""

    reason = "prewarm"
    turns = 0

    def ended(self, ended: Ended) -> Patch:
        self.turns += 1
        return {}


@asynccontextmanager
async def seatings_of(backend: ScriptedBackend) -> AsyncIterator[tuple[Seatings, KnownBackend]]:
    async with backend:
        tasks = Tasks()
        known = KnownBackend(backend.url, "llamacpp", tasks)
        await known.ask_template()
        try:
            yield seatings_with(known, tasks), known
        finally:
            await tasks.finish(5)
            await known.close()


def seatings_with(known: KnownBackend, tasks: Tasks, owns: Callable[[], bool] = always) -> Seatings:
    counters = Counters()
    return Seatings(known, maker(tasks), tasks, counters, Pause(tasks, counters), owns)


def maker(tasks: Tasks) -> Callable[[KnownModel], ModelParts]:
    def make(known: KnownModel) -> ModelParts:
        seating = Saving(SlotTable(), known, tasks)
        return ModelParts(seating, Comparing(Direct(), seating), (Pausing(),))

    return make


def asks_for(model: str | None) -> Passed:
    named = "" if model is None else f',"model":"{model}"'
    return read(f'{{"messages":[]{named}}}'.encode())


SAME: list[tuple[str, str | None, str | None, bool]] = [
    ("name", "a", "a", True),
    ("alias", "a", "a-alias", True),
    ("two-models", "a", "b", False),
    ("unknown-is-the-backends-own", None, "zzz", True),
]


@pytest.mark.parametrize(
    ("one", "other", "same"), [row[1:] for row in SAME], ids=[row[0] for row in SAME]
)
async def test_a_model_has_slots_of_its_own_whatever_it_is_called(
    one: str | None, other: str | None, same: bool
) -> None:
    async with seatings_of(router(a=True, b=False)) as (seatings, _):
        assert (seatings.of(one) is seatings.of(other)) is same


async def test_a_backend_of_one_model_has_one_set_of_slots() -> None:
    async with seatings_of(serving({"/props": {"chat_template": "t"}})) as (seatings, _):
        assert seatings.of("a") is seatings.of("b") is seatings.of(None)
        assert len(seatings.all) == 1


LEAVING: list[tuple[str, Any, str, list[str]]] = [
    ("no-room", router(1, a=True, b=False), "b", ["a"]),
    ("by-its-alias", router(1, a=True, b=False), "b-alias", ["a"]),
    ("loaded-already", router(1, a=True, b=False), "a", []),
    ("room", router(2, a=True, b=False), "b", []),
    ("no-limit", router(0, a=True, b=False), "b", []),
    ("unknown-model", router(1, a=True, b=False), "zzz", []),
    ("any-of-two", router(2, a=True, c=True, b=False), "b", ["a", "c"]),
]


@pytest.mark.parametrize(
    ("backend", "model", "saved"), [row[1:] for row in LEAVING], ids=[row[0] for row in LEAVING]
)
async def test_what_the_router_may_unload_is_saved_first(
    backend: ScriptedBackend, model: str, saved: list[str]
) -> None:
    async with seatings_of(backend) as (seatings, known):
        seat, _ = await seatings.take(asks_for(model))
        saving = [
            name.model
            for name in known.models
            if isinstance(own := seatings.of(name.model).seating, Saving) and own.saves
        ]

    assert saving == saved
    assert isinstance(seat, Unseen)  # such a request has no place in a conversation


async def test_one_that_was_not_understood_saves_nothing() -> None:
    async with seatings_of(router(1, a=True)) as (seatings, _):
        await seatings.take(unread())

        assert [own.seating.saves for own in seatings.all if isinstance(own.seating, Saving)] == [0]


async def test_slots_of_another_proxy_are_left_alone() -> None:
    """Nothing is chosen, tried or compared by what they hold; it is so from the next request on."""
    ours = [False]
    async with serving({"/props": {"chat_template": "t"}}) as backend:
        tasks = Tasks()
        known = KnownBackend(backend.url, "llamacpp", tasks)
        seatings = seatings_with(known, tasks, lambda: ours[0])
        seating = seatings.of(None).seating
        seating.table.unseen_began()
        asked = len(backend.requests)

        taken = await seatings.take(asks_for("a"))
        await seatings.announce()
        assert taken == Seated(NO_SEAT, taken.body)
        assert len(backend.requests) == asked

        ended = ended_of(asks_for("a"), Reply(), 200, Outcome.OK, NO_TIMES)
        theirs = {"slot": None, "slot_reason": "another proxy has the slots", "kept": None}
        assert seatings.ended(ended) == theirs
        assert [one.turns for one in seatings.of(None).ahead if isinstance(one, Pausing)] == [0]

        ours[0] = True
        assert seatings.ended(ended) == {"kept": None}
        assert [one.turns for one in seatings.of(None).ahead if isinstance(one, Pausing)] == [1]
        assert isinstance((await seatings.take(asks_for("a"))).seat, Unseen)
        await tasks.finish(5)
        await known.close()


async def test_whoever_gains_slots_knows_nothing_of_them() -> None:
    ours = [False]
    async with seatings_of(serving({"/props": {"chat_template": "t"}})) as (seatings, _):
        seatings.owns = lambda: ours[0]
        table = seatings.of(None).seating.table
        table.read([SlotState(0, False, 500, 3, None, None)], table.events)
        assert len(table.slots) == 1
        reading = seatings._pause.start(asyncio.sleep(60), "prewarm")
        seatings.lost()
        assert table.slots == []
        await asyncio.sleep(0)
        assert reading.cancelled()
        table.read([SlotState(0, False, 500, 3, None, None)], table.events)
        await seatings.close()
        assert table.slots == []
        ours[0] = True
        table.read([SlotState(0, False, 500, 3, None, None)], table.events)
        seatings.gained()
        assert table.slots == []
