"""What `doctor` asks a backend, and what each answer means. tests/cli/test_doctor.py tells what follows."""

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.pages import serving, status
from warmprefix.backends.ask import ask
from warmprefix.core.doctor.facts import Facts, ServerFacts
from warmprefix.core.errors import Unreachable

PROPS: dict[str, Any] = {"total_slots": 2, "model_alias": "m", "build_info": "b1"}
SAVING = "/slots/0?action=save"


async def of(pages: dict[str, Any], key: str | None = None) -> Facts:
    async with serving(pages) as backend:
        found = await ask(backend.url, key)
    server = found.server
    return replace(
        found, url="", server=None if server is None else replace(server, url="", template=None)
    )


def server(**members: Any) -> ServerFacts:
    told = {"build": "b1", "model": "m", "slots": 2, **members}
    return ServerFacts("", **told)


STATES: list[tuple[str, Any, ServerFacts]] = [
    ("ready", PROPS, server()),
    ("no-build", {**PROPS, "build_info": "b0-unknown"}, server(build=None)),
    ("context", {**PROPS, "default_generation_settings": {"n_ctx": 9}}, server(context_tokens=9)),
    ("asleep", {**PROPS, "is_sleeping": True}, server(state="asleep")),
    ("router", {**PROPS, "role": "router"}, server(state="router")),
    ("odd", {"total_slots": "2"}, server(build=None, model=None, slots=None)),
]


@pytest.mark.parametrize(
    ("props", "expected"), [row[1:] for row in STATES], ids=[row[0] for row in STATES]
)
async def test_the_state_of_a_llama_server(props: Any, expected: ServerFacts) -> None:
    assert await of({"/props": props}) == Facts("", "llamacpp", server=expected, counts=True)


NAMED = [("Server", "llama.cpp")]
SWITCHES: list[tuple[str, dict[str, Any], ServerFacts]] = [
    ("slots", {"/slots": []}, server(slots_page="on")),
    ("no-slots", {"/slots": status(501)}, server(slots_page="off")),
    ("metrics", {"/metrics": {}}, server(metrics_page="on")),
    ("no-metrics", {"/metrics": status(501)}, server(metrics_page="off")),
    ("saving", {SAVING: status(400)}, server(slot_saving="on")),
    ("no-saving", {SAVING: status(501)}, server(slot_saving="off")),
    ("saving-that-says-yes", {SAVING: status(200)}, server()),
]


@pytest.mark.parametrize(
    ("pages", "expected"), [row[1:] for row in SWITCHES], ids=[row[0] for row in SWITCHES]
)
async def test_what_it_was_started_with(pages: dict[str, Any], expected: ServerFacts) -> None:
    assert (await of({"/props": PROPS, **pages})).server == expected


@pytest.mark.parametrize("state", [{"is_sleeping": True}, {"role": "router"}])
async def test_one_that_is_not_ready_is_asked_nothing_more(state: dict[str, Any]) -> None:
    """A question would wake it."""
    async with serving({"/props": {**PROPS, **state}}) as backend:
        await ask(backend.url)

    asked = {request.target for request in backend.requests}
    assert asked == {"/props", "/api/v1/health", "/v1/models"}


async def test_a_key_is_given_only_if_one_is_wanted() -> None:
    async with serving({"/props": PROPS}) as backend:
        found = await ask(backend.url, "k")
    async with serving({"/props": status(401)}) as guarded:
        locked = await ask(guarded.url, "k")
    keys = [[r.header("authorization") for r in b.requests] for b in (backend, guarded)]

    assert (found.locked, locked.locked) == (False, True)
    assert set(keys[0]) == {None}
    assert {None, "Bearer k"} == set(keys[1])


async def test_the_models_are_named() -> None:
    listed = {"data": [{"id": "a"}, {"id": 1}, 2, {"id": ""}, {"id": "b"}]}

    assert (await of({"/v1/models": listed})).models == ("a", "b")


async def test_a_backend_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        await ask("http://127.0.0.1:1")


def health(url: str) -> dict[str, Any]:
    model = {"type": "llm", "model_name": "m", "recipe": "llamacpp", "backend_url": f"{url}/v1"}
    return {"all_models_loaded": [{**model, "launch_command": ["llama-server"]}]}


async def test_the_llama_server_behind_lemonade_is_looked_at() -> None:
    async with serving({"/props": PROPS}) as behind:
        found = await of({"/api/v1/health": health(behind.url)})

    assert found.kind == "lemonade"
    assert found.server is not None
    assert (found.server.build, found.server.arguments) == ("b1", ("llama-server",))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://192.0.2.1:8001"], ids=["gone", "elsewhere"]
)
async def test_one_that_is_gone_or_elsewhere_is_not(url: str) -> None:
    found = await of({"/api/v1/health": health(url)})

    assert (found.kind, found.server) == ("lemonade", None)
