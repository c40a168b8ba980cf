"""Reading ahead gives way: to whoever asks, to whoever is there, and where anything is not as expected."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import DEADLINE_S, Json, RunningProxy, Settings, running_proxy, until
from warmprefix.slots.seatings import Seatings
from warmprefix.slots.table import SlotTable

CHAT = "/v1/chat/completions"
HISTORY = [
    {"role": "user", "content": "Read it."},
    {"role": "assistant", "content": "So.", "reasoning_content": "I think of it. " * 100},
    {"role": "assistant", "content": "Line. " * 200},
]
OTHER = [{"role": "user", "content": "Something else."}]
IDLE_S = 0.02


@asynccontextmanager
async def running(
    slots: int = 2,
    missing: Iterable[str] = (),
    *,
    observe: bool = False,
    pin: str = "auto",
    **prewarm: object,
) -> AsyncIterator[tuple[LlamaDouble, RunningProxy]]:
    settings: Settings = {"idle_s": IDLE_S, **prewarm}
    async with (
        LlamaDouble(slots, missing) as backend,
        running_proxy(backend.url, observe=observe, slots={"pin": pin}, prewarm=settings) as proxy,
    ):
        await proxy.ready()
        yield backend, proxy


async def chat(proxy: RunningProxy, messages: list[Json] | None = None, **options: object) -> None:
    answer = await exchange(proxy.url, "POST", CHAT, {"messages": messages or HISTORY, **options})
    assert answer.status == 200


def table_of(proxy: RunningProxy) -> SlotTable:
    seatings = proxy.app.backends.first().parts.seatings
    assert isinstance(seatings, Seatings)
    seating = seatings.of(None).seating
    return seating.table


async def rested() -> None:
    """Return when nothing is read ahead any more."""
    await until(lambda: all(task.get_name() != "prewarm" for task in asyncio.all_tasks()))


@pytest.mark.parametrize("slots", [1, 2])
async def test_the_coming_prompt_is_evaluated_in_steps_in_its_own_slot(slots: int) -> None:
    async with running(slots) as (backend, proxy):
        await chat(proxy)
        await rested()
        slot = table_of(proxy).slots[0]
        await chat(proxy, [*HISTORY, {"role": "assistant", "content": "Done."}, *OTHER])
        record = (await proxy.records())[-1]

    bodies = [request.json() for request in backend.evaluations]
    text = "".join(chr(token) for token in bodies[-1]["prompt"])
    assert text == f"<user>Read it.<assistant>So.<assistant>{'Line. ' * 200}<assistant>Done.<user>"
    assert [body["n_predict"] for body in bodies] == [0, 0, 0]
    assert {body["id_slot"] for body in bodies} == {0}
    assert record["prewarmed_tokens"] == 30
    assert slot.content is not None
    assert slot.content.held.conversation == record["conversation"]
    assert slot.tokens == len(text)


@pytest.mark.parametrize(
    ("path", "body"), [(CHAT, {"messages": OTHER}), ("/v1/embeddings", {"input": "x"})]
)
async def test_a_request_closes_its_connection(path: str, body: Json) -> None:
    async with running() as (backend, proxy):
        backend.stalls = True
        await chat(proxy)
        await until(lambda: bool(backend.evaluations))
        answer = await exchange(proxy.url, "POST", path, body)
        async with asyncio.timeout(DEADLINE_S):
            await backend.evaluations[0].client_gone.wait()
        await rested()
        page = proxy.app.turns.metrics.page()[0].decode()

    assert answer.status == 200
    assert len(backend.evaluations) == 1
    assert "warmprefix_prewarms_cancelled_total 1.0" in page


async def test_what_was_not_begun_waits_for_the_next_pause() -> None:
    async with running(idle_s=0.2) as (backend, proxy):
        await chat(proxy)
        await chat(proxy, OTHER, id_slot=1)
        await rested()

    assert {request.json()["id_slot"] for request in backend.evaluations} == {0}


async def test_a_broken_off_one_is_no_reason_to_begin_again() -> None:
    async with running(missing={"/completion"}) as (backend, proxy):
        await chat(proxy)
        await rested()
        await chat(proxy, OTHER)
        await rested()
        page = proxy.app.turns.metrics.page()[0].decode()

    assert not backend.evaluations
    assert "warmprefix_prewarms_total 1.0" in page


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        pytest.param({"mode": "off"}, {}, id="off"),
        pytest.param({"pin": "off"}, {}, id="slots-left-to-the-server"),
        pytest.param({"min_tokens": 5000}, {}, id="not-worth-it"),
        pytest.param({}, {"cache_prompt": False}, id="nothing-is-cached"),
        pytest.param({}, {"id_slot": 1}, id="the-clients-own-slot"),
    ],
)
async def test_nothing_is_evaluated(settings: dict[str, Any], options: dict[str, Any]) -> None:
    async with running(**settings) as (backend, proxy):
        await chat(proxy, **options)
        await rested()

    assert not backend.evaluations


@pytest.mark.parametrize("path", ["/props", "/slots", "/apply-template", "/tokenize"])
async def test_a_backend_that_does_not_say_enough_is_left_alone(path: str) -> None:
    async with running(missing={path}) as (backend, proxy):
        await chat(proxy)
        await rested()

    assert not backend.evaluations


async def test_a_turn_that_did_not_end_in_an_answer_is_none() -> None:
    async with running() as (backend, proxy):
        backend.finish = "length"
        await chat(proxy)
        await rested()

    assert not backend.evaluations


async def test_an_observer_changes_nothing() -> None:
    async with running(observe=True) as (backend, proxy):
        await chat(proxy)
        await rested()

    assert not backend.evaluations


async def test_a_busy_backend_is_left_alone_until_something_has_ended() -> None:
    async with running() as (backend, proxy):
        backend.busy = True
        await chat(proxy)
        await rested()
        alone = len(backend.evaluations)
        backend.busy = False
        await chat(proxy, OTHER, id_slot=1)
        await rested()

    assert alone == 0
    assert backend.evaluations


async def test_a_slot_that_holds_something_else_is_left_alone() -> None:
    async with running(idle_s=0.2) as (backend, proxy):
        await chat(proxy)
        backend.held[0] = 17
        await rested()

    assert not backend.evaluations
