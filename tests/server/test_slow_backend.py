"""A backend that takes long to say what it is and holds: nobody waits for it, and nothing is claimed of it."""

import asyncio

import pytest

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until
from tests.fakes.scripted import Step, Wait
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response

CHAT = "/v1/chat/completions"
QUESTION: list[Json] = [{"role": "user", "content": "Read it. " * 100}]
SLOW_S = 5.0
PATIENCE_S = 0.5
MARGIN_S = 0.5
"""What the machine may be late beyond that."""
LOADING = json_response({"error": {"message": "Loading model"}}, 503, [("Server", "llama.cpp")])


class SlowDouble(LlamaDouble):
    """`slow`: paths that are answered late; `loading`: all but chats are answered with 503."""

    def __init__(self, *slow: str) -> None:
        super().__init__(2)
        self.slow = set(slow)
        self.loading = False

    def _script(self, request: Request) -> list[Step]:
        if self.loading and not request.target.endswith("/chat/completions"):
            return list(LOADING)
        late: list[Step] = [Wait(SLOW_S)] if request.target in self.slow else []
        return [*late, *super()._script(request)]

    def chats(self) -> list[Json]:
        return [r.json() for r in self.requests if r.target.endswith("/chat/completions")]


async def chat(proxy: RunningProxy, messages: list[Json]) -> float:
    """How long a request takes, in seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    body = {"messages": messages, "model": "m"}
    assert (await exchange(proxy.url, "POST", CHAT, body)).status == 200
    return loop.time() - began


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/slots", "llamacpp"),
        ("/props", "llamacpp"),
        ("/props", "auto"),
        ("/api/v1/health", "auto"),
    ],
)
async def test_a_slow_answer_holds_up_one_request_for_half_a_second(path: str, kind: str) -> None:
    async with (
        SlowDouble(path) as backend,
        running_proxy(backend.url, backend={"kind": kind}) as proxy,
    ):
        proxy.app.known.wait_for_it()
        took = [await chat(proxy, QUESTION) for _ in range(3)]

    assert sum(took) <= PATIENCE_S + MARGIN_S


async def test_of_slots_that_are_not_shown_in_time_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once they are, they are known without anybody's waiting for it."""
    monkeypatch.setattr("warmprefix.backends.known_model._AGAIN_S", 0.0)
    async with SlowDouble("/slots") as backend, running_proxy(backend.url) as proxy:
        known = proxy.app.known
        await known.ask_template()
        for _ in range(2):
            await chat(proxy, QUESTION)
        assert known.slots == ()
        assert all("id_slot" not in body for body in backend.chats())
        assert not known.is_learnt

        backend.slow.clear()
        await chat(proxy, QUESTION)
        await until(lambda: known.is_learnt)

        assert known.slots == tuple(backend.held)


async def test_one_that_loads_is_known_when_it_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.backends.known._LATE_S", 0.01)
    async with SlowDouble() as backend, running_proxy(backend.url) as proxy:
        known = proxy.app.known
        backend.loading = True
        known.wait_for_it()
        await until(lambda: len(backend.requests) > 3)
        assert (known.slots, known.start) == ((), None)

        backend.loading = False
        await until(lambda: known.is_learnt)

    assert known.slots == (0, 0)


async def test_a_build_that_does_not_say_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("warmprefix.backends.known_model._AGAIN_S", 0.0)
    async with LlamaDouble(2, ["/slots"]) as backend, running_proxy(backend.url) as proxy:
        asked = []
        for turn in range(20):
            body = {"messages": [*QUESTION, {"role": "user", "content": str(turn)}], "model": "m"}
            await exchange(proxy.url, "POST", CHAT, body)
            await until(
                lambda: all(task.get_name() != "template probe" for task in asyncio.all_tasks())
            )
            asked.append([request.target for request in backend.requests].count("/slots"))

    assert asked[-1] == asked[9]
