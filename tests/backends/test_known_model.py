"""What empties all slots at once is noticed, counted once, and never guessed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.running_proxy import Json
from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.known import KnownBackend
from warmprefix.tasks import Tasks

UNUSED: Json = {"id": 0, "is_processing": False}
USED: Json = {**UNUSED, "id_task": 3, "n_prompt_tokens": 24}


class Server(ScriptedBackend):
    """`props`, `slots`, `health`: what it says; None is a 404."""

    def __init__(self) -> None:
        super().__init__(otherwise=self._script)
        self.props: Json | None = {"total_slots": 1, "chat_template": "t", "media_marker": "<1>"}
        self.slots: list[Json] | None = [USED]
        self.health: Json | None = None
        self.locked: frozenset[str] = frozenset()

    def _script(self, request: Request) -> list[Step]:
        if request.target in self.locked:
            return json_response({}, 401)
        pages = {"/props": self.props, "/slots": self.slots, "/api/v1/health": self.health}
        found = pages.get(request.target)
        return json_response({}, 404) if found is None else json_response(found)


def health_of(behind: Server) -> Json:
    """What Lemonade says in front of this llama-server."""
    model = {"recipe": "llamacpp", "type": "llm", "backend_url": f"{behind.url}/v1"}
    return {"all_models_loaded": [model]}


@asynccontextmanager
async def learnt(kind: str = "llamacpp") -> AsyncIterator[tuple[Server, KnownBackend]]:
    tasks = Tasks()
    async with Server() as server:
        server.health = health_of(server) if kind == "lemonade" else None
        known = KnownBackend(server.url, kind, tasks)
        await known.ask_template()
        assert (known.slots, known.generation) == ((24,), 0)
        try:
            yield server, known
        finally:
            await tasks.finish(5)
            await known.close()


async def test_a_request_at_the_very_beginning_learns_what_the_slots_hold_and_asks_once() -> None:
    async with Server() as server:
        known = KnownBackend(server.url, "llamacpp", Tasks())
        assert await known.has_restarted() is False
        assert list(known.slots) == [24]

        server.props = {**(server.props or {}), "media_marker": "<2>"}
        server.slots = None
        for _ in range(3):
            await known.has_restarted()
        await known.close()

    assert list(known.slots) == []
    assert [request.target for request in server.requests].count("/slots") == 2


@pytest.mark.parametrize("shows", [True, False])
async def test_one_that_sleeps_when_it_is_first_seen_is_not_woken(shows: bool) -> None:
    """Its slots are not asked for, whether or not it would show them."""
    async with Server() as server:
        server.props = {**(server.props or {}), "endpoint_slots": shows, "is_sleeping": True}
        known = KnownBackend(server.url, "llamacpp", Tasks())
        assert await known.has_restarted() is False
        await known.close()

    assert known.is_asleep
    assert "/slots" not in [request.target for request in server.requests]


async def test_a_server_that_goes_on_holds_what_it_held() -> None:
    async with learnt() as (_, known):
        assert await known.look() is False
        assert await known.has_restarted() is False

        assert (known.slots, known.generation) == ((24,), 0)


async def test_another_start_is_asked_for_its_slots_only_for_a_request() -> None:
    async with learnt() as (server, known):
        server.props = {**(server.props or {}), "media_marker": "<2>"}
        server.slots = [UNUSED]
        assert await known.look() is True
        assert (known.slots, known.generation) == ((), 1)
        assert await known.look() is False

        server.props = {**server.props, "media_marker": "<3>"}
        assert await known.has_restarted() is True
        assert (known.slots, known.generation) == ((0,), 2)


async def test_one_that_was_lost_is_asked_again_whoever_it_is() -> None:
    async with learnt() as (server, known):
        known.lost()
        assert (known.slots, known.generation) == ((), 1)
        server.slots = [{**USED, "n_prompt_tokens": 30}]

        assert await known.has_restarted() is True
        assert (known.slots, known.generation) == ((30,), 1)
        assert await known.has_restarted() is False


@pytest.mark.parametrize(
    ("slots", "emptied", "tokens"),
    [
        pytest.param([UNUSED], 1, (0,), id="used-and-now-never-used"),
        pytest.param([{**USED, "n_prompt_tokens": 0}], 0, (0,), id="cleared"),
        pytest.param([{**USED, "id_task": 4}], 0, (24,), id="used-again"),
        pytest.param(None, 0, (24,), id="not-said"),
    ],
)
async def test_a_nap_that_nobody_saw_shows_in_the_slots(
    slots: list[Json] | None, emptied: int, tokens: tuple[int, ...]
) -> None:
    async with learnt() as (server, known):
        server.slots = slots
        states = await known.slot_states()

        assert len(states) == len(slots or ())
        assert (known.slots, known.generation) == (tokens, emptied)


async def test_a_nap_counts_once_until_something_has_been_asked() -> None:
    async with learnt() as (server, known):
        server.props = {**(server.props or {}), "is_sleeping": True}
        asked = len(server.requests)
        looks = [await known.look() for _ in range(3)]
        assert looks == [True, False, False]
        assert {request.target for request in server.requests[asked:]} == {"/props"}
        assert (known.is_asleep, known.slots) == (True, (0,))

        known.ended("m", [], 200)
        assert not known.is_asleep
        assert await known.look() is True
        assert known.generation == 2


async def test_a_reading_from_before_a_start_says_nothing() -> None:
    """The backend is lost while it answers."""
    async with learnt() as (server, known):
        answers = server._script

        def script(request: Request) -> list[Step]:
            known.lost()
            return answers(request)

        server.otherwise = script

        assert await known.slot_states() == ()
        assert known.slots == ()


async def test_the_model_behind_lemonade_may_be_another_server() -> None:
    async with learnt("lemonade") as (server, known), Server() as behind:
        server.health = health_of(behind)

        assert await known.look() is True
        assert known.llama is not None
        assert known.llama.url == behind.url
        assert known.generation == 1


async def test_lemonade_with_a_key_says_that_it_wants_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with learnt("lemonade") as (server, known):
        server.locked = frozenset({"/api/v1/health"})

        assert await known.look() is None

    assert "asks for a key" in caplog.text


async def test_without_slots_there_is_nothing_to_learn_of_them() -> None:
    async with Server() as server:
        server.props = {**(server.props or {}), "endpoint_slots": False, "is_sleeping": True}
        known = KnownBackend(server.url, "llamacpp", Tasks())
        await known.ask_template()
        await known.close()

    assert known.slots == ()
    assert known.is_asleep
