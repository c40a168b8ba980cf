"""Reading again after a restart: what is read, when, and what is left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.llama_double import ANSWER, LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import (
    DEADLINE_S,
    Json,
    RunningProxy,
    Settings,
    running_proxy,
    until,
)
from warmprefix.dialects.base import Dialect
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.stages import Passed, Placed

CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "Read it. " * 100}]
OTHER = [{"role": "user", "content": "Something else. " * 100}]
CHECK_S = 0.02
LATER = 10
"""Checks within which something would have happened."""
IDENTIFY = Pipeline.identify


@asynccontextmanager
async def running(
    slots: int = 2, *, observe: bool = False, pin: str = "auto", **prewarm: object
) -> AsyncIterator[tuple[LlamaDouble, RunningProxy]]:
    settings: Settings = {"idle_s": 60.0, "restart_check_s": CHECK_S, **prewarm}
    backend = LlamaDouble(slots)
    backend.starts = 1
    async with (
        backend,
        running_proxy(backend.url, observe=observe, slots={"pin": pin}, prewarm=settings) as proxy,
    ):
        await proxy.ready()
        yield backend, proxy


async def chat(proxy: RunningProxy, messages: list[Json], **options: object) -> int:
    answer = await exchange(proxy.url, "POST", CHAT, {"messages": messages, **options})
    return answer.status


async def looked(backend: LlamaDouble, times: int = LATER) -> None:
    """Return when the backend was asked so often whether it has restarted, and nothing is read."""
    asked = len(backend.requests)
    await until(lambda: len([r for r in backend.requests[asked:] if r.target == "/props"]) >= times)
    await until(lambda: all(task.get_name() != "reread" for task in asyncio.all_tasks()))


def texts(backend: LlamaDouble) -> list[tuple[int, str]]:
    """Slot and text of each evaluation, the last step of each prompt."""
    last: dict[tuple[int, str], str] = {}
    for request in backend.evaluations:
        body = request.json()
        text = "".join(map(chr, body["prompt"]))
        last[body["id_slot"], text[:20]] = text
    return [(slot, text) for (slot, _), text in last.items()]


async def test_the_latest_first_each_in_an_empty_slot() -> None:
    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        await chat(proxy, OTHER)
        backend.restart()
        await looked(backend)
        await chat(proxy, [*QUESTION, {"role": "assistant", "content": ANSWER}, *OTHER])
        record = (await proxy.records())[-1]

    assert texts(backend) == [
        (0, f"<user>{OTHER[0]['content']}<assistant>{ANSWER}<user>"),
        (1, f"<user>{QUESTION[0]['content']}<assistant>{ANSWER}<user>"),
    ]
    assert record["prewarmed_tokens"] == 10 * sum(
        request.json()["id_slot"] == 1 for request in backend.evaluations
    )


async def test_with_calls_up_to_the_first_result() -> None:
    async with running() as (backend, proxy):
        function = {"name": "read", "arguments": "{}"}
        backend.calls = [{"id": "call_1", "type": "function", "function": function}]
        backend.finish = "tool_calls"
        await chat(proxy, QUESTION)
        backend.restart()
        await looked(backend)

    expected = f"<user>{QUESTION[0]['content']}<assistant>{ANSWER}<tool>"
    assert texts(backend) == [(0, expected)]


async def test_a_reply_that_was_cut_off_is_asked_for_again() -> None:
    async with running() as (backend, proxy):
        backend.finish = "length"
        await chat(proxy, QUESTION)
        backend.restart()
        await looked(backend)

    assert texts(backend) == [(0, f"<user>{QUESTION[0]['content']}<assistant>")]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"mode": "off"}, id="off"),
        pytest.param({"pin": "off"}, id="slots-left-to-the-server"),
        pytest.param({"observe": True}, id="only-observing"),
        pytest.param({"restart_check_s": 0.0}, id="never-asked"),
    ],
)
async def test_nobody_watches(settings: dict[str, Any]) -> None:
    async with running(**settings) as (_, proxy):
        await chat(proxy, QUESTION)
        names = {task.get_name() for task in asyncio.all_tasks()}

    assert "restart watch" not in names


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"cache_prompt": False}, id="nothing-is-cached"),
        pytest.param({"id_slot": 1}, id="the-clients-own-slot"),
    ],
)
async def test_such_a_conversation_is_left_alone(options: dict[str, Any]) -> None:
    async with running(1) as (backend, proxy):
        await chat(proxy, QUESTION)
        await chat(proxy, OTHER, **options)
        backend.restart()
        await looked(backend)

    assert [text[:12] for _, text in texts(backend)] == ["<user>Read i"]


async def test_a_backend_that_does_not_say_when_it_started_is_left_alone() -> None:
    async with running() as (backend, proxy):
        backend.starts = None
        await proxy.app.known.has_restarted()
        await chat(proxy, QUESTION)
        await until(
            lambda: (
                not {"template probe", "learn slot"}
                & {task.get_name() for task in asyncio.all_tasks()}
            )
        )
        asked = len(backend.requests)
        await asyncio.sleep(LATER * CHECK_S)

    # Looking for a restart asks for the slots as well: nobody does so for ever.
    assert "/slots" not in [request.target for request in backend.requests[asked:]]
    assert not backend.evaluations


async def test_a_busy_backend_is_left_alone_until_it_is_idle() -> None:
    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        backend.busy = True
        backend.restart()
        await looked(backend)
        alone = len(backend.evaluations)
        backend.busy = False
        await looked(backend)

    assert alone == 0
    assert len(texts(backend)) == 1


async def test_a_slot_that_somebody_else_used_is_left_alone() -> None:
    async with running(restart_check_s=0.3) as (backend, proxy):
        await chat(proxy, QUESTION)
        backend.restart()
        backend.held = [1700, 0]
        await looked(backend, 2)

    assert not backend.evaluations


async def test_one_that_was_broken_off_is_gone_on_with() -> None:
    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        backend.stalls = True
        backend.restart()
        await until(lambda: bool(backend.evaluations))
        await exchange(proxy.url, "POST", "/v1/embeddings", {"input": "x"})
        await backend.evaluations[0].client_gone.wait()
        backend.stalls = False
        await looked(backend)
        page = proxy.app.turns.metrics.page()[0].decode()

    assert texts(backend) == [(0, f"<user>{QUESTION[0]['content']}<assistant>{ANSWER}<user>")]
    assert "warmprefix_prewarms_cancelled_total 1.0" in page


async def breaks_off(backend: LlamaDouble, proxy: RunningProxy, began: int) -> None:
    """A request that has no slot ends the evaluation of that number."""
    await until(lambda: len(backend.evaluations) > began)
    await exchange(proxy.url, "POST", "/v1/embeddings", {"input": "x"})
    await backend.evaluations[began].client_gone.wait()


async def test_one_that_was_broken_off_within_a_step_is_gone_on_with() -> None:
    """The server has then read a part of the step that no reply of it has counted."""
    async with running() as (backend, proxy):
        long = [{"role": "user", "content": "Read it. " * 300}]
        await chat(proxy, long)
        backend.stalls_at = 1500
        backend.restart()
        await until(lambda: backend.held[0] == 1501)
        await breaks_off(backend, proxy, len(backend.evaluations) - 1)
        begun, backend.stalls_at = len(backend.evaluations), None
        await looked(backend)

    sizes = [len(request.json()["prompt"]) for request in backend.evaluations[begun:]]
    assert texts(backend)[0] == (0, f"<user>{long[0]['content']}<assistant>{ANSWER}<user>")
    assert min(sizes, default=0) > 1000


async def test_it_goes_on_once_it_is_known_again_what_the_slots_hold() -> None:
    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        backend.restart()
        backend.busy = True
        await looked(backend)
        backend.held[1], backend.tasks[1], backend.busy = 1700, 7, False
        await looked(backend)
        asked = [request.target for request in backend.requests].count("/slots")
        await looked(backend)
        again = [request.target for request in backend.requests].count("/slots") - asked
        alone = len(backend.evaluations)
        backend.held[1], backend.tasks[1] = 0, 9
        await chat(proxy, OTHER)
        await looked(backend)

    assert (alone, again) == (0, 0)
    assert texts(backend) == [(1, f"<user>{QUESTION[0]['content']}<assistant>{ANSWER}<user>")]


async def test_what_begins_between_a_request_and_its_seat_gives_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_read = asyncio.Event()

    async def identify(pipeline: Pipeline, came: Passed, dialect: Dialect) -> Placed | Passed:
        await is_read.wait()
        return await IDENTIFY(pipeline, came, dialect)

    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        monkeypatch.setattr(Pipeline, "identify", identify)
        asking = asyncio.create_task(chat(proxy, OTHER))
        await until(lambda: bool(proxy.server.server_state.tasks))
        backend.stalls = True
        backend.restart()
        await until(lambda: bool(backend.evaluations))
        is_read.set()
        await asyncio.wait_for(backend.evaluations[0].client_gone.wait(), DEADLINE_S)
        await asking


async def test_one_that_is_always_broken_off_is_given_up() -> None:
    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        backend.stalls = True
        backend.restart()
        for began in range(8):
            await breaks_off(backend, proxy, began)
        await looked(backend)

    assert len(backend.evaluations) == 8


async def test_one_that_the_backend_refuses_is_tried_again() -> None:
    async with running() as (backend, proxy):
        await chat(proxy, QUESTION)
        backend.missing = frozenset({"/completion"})
        backend.restart()
        await looked(backend, 2)
        backend.missing = frozenset()
        await looked(backend)

    assert len(texts(backend)) == 1


async def test_only_the_latest_are_kept() -> None:
    async with running(12) as (backend, proxy):
        for number in range(10):
            await chat(proxy, [{"role": "user", "content": f"{number} is asked. " * 100}])
        backend.restart()
        await looked(backend)

    assert [text[6] for _, text in texts(backend)] == list("98765432")


async def test_the_watch_ends_with_the_proxy() -> None:
    async with running() as (_, proxy):
        await chat(proxy, QUESTION)
        watch = next(t for t in asyncio.all_tasks() if t.get_name() == "restart watch")
        proxy.app.stop_watching()
        await asyncio.wait({watch})
        await chat(proxy, OTHER)
        names = {task.get_name() for task in asyncio.all_tasks()}

    assert watch.cancelled()
    assert "restart watch" not in names
