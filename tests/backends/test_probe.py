"""What a backend says of itself, or why it says nothing, told by its pages. tests/backends/test_known.py has
the kinds."""

from typing import Any

import httpx
import pytest

from tests.fakes.pages import serving, status
from tests.fakes.scripted_replies import json_response
from warmprefix.backends import lemonade, llamacpp
from warmprefix.backends.base import Kind
from warmprefix.backends.client import Asker
from warmprefix.backends.probe import Props, Silence, ask_slots, page, props_of
from warmprefix.core.slots.state import SlotState

WHOLE = {
    "chat_template": "t",
    "media_marker": "<1>",
    "model_path": "m.gguf",
    "model_alias": "m",
    "build_info": "b1",
    "total_slots": 4,
    "default_generation_settings": {"n_ctx": 4096},
}


def said(**members: Any) -> dict[str, Any]:
    """The properties with some members set; None removes one."""
    return {name: value for name, value in {**WHOLE, **members}.items() if value is not None}


FITS = ("m.gguf", "m", "b1", "t", "4096")

SAYS: list[tuple[str, dict[str, Any], Props]] = [
    ("whole", said(), Props("", "t", "<1>", "m.gguf", FITS, 4, False)),
    ("asleep", said(is_sleeping=True), Props("", "t", "<1>", "m.gguf", FITS, 4, True)),
    ("asleep-in-words", said(is_sleeping="yes"), Props("", "t", "<1>", "m.gguf", FITS, 4)),
    ("slots-shown", said(endpoint_slots=True), Props("", "t", "<1>", "m.gguf", FITS, 4)),
    ("slots-hidden", said(endpoint_slots=False), Props("", "t", "<1>", "m.gguf", FITS, 0)),
    ("slots-not-told", said(total_slots=None), Props("", "t", "<1>", "m.gguf", FITS, 0)),
    ("no-marker", said(media_marker=None), Props("", "t", None, "m.gguf", FITS, 4)),
    ("no-context", said(default_generation_settings={}), Props("", "t", "<1>", "m.gguf", (), 4)),
    ("no-settings", said(default_generation_settings=1), Props("", "t", "<1>", "m.gguf", (), 4)),
    (
        "no-model",
        said(model_path=""),
        Props("", "t", "<1>", None, ("", "m", "b1", "t", "4096"), 4),
    ),
]


@pytest.mark.parametrize(
    ("props", "expected"), [row[1:] for row in SAYS], ids=[row[0] for row in SAYS]
)
async def test_a_llama_server_is_what_it_says(props: dict[str, Any], expected: Props) -> None:
    async with serving({"/props": props}) as backend, Asker() as client:
        found = await props_of(client, backend.url, llamacpp.KIND)

    assert isinstance(found, Props)
    assert found.url == backend.url
    assert found == Props(backend.url, *_rest(expected))


def _rest(props: Props) -> tuple[Any, ...]:
    return (
        props.template,
        props.marker,
        props.model,
        props.says,
        props.total,
        props.is_sleeping,
    )


LLAMA, LEMONADE = llamacpp.KIND, lemonade.KIND
HEALTH = "/api/v1/health"
SILENT: list[tuple[str, Kind, dict[str, Any], str, Silence]] = [
    ("another", LLAMA, {}, "", Silence.NO_LLAMA_SERVER),
    ("template-is-no-text", LLAMA, {"/props": {"chat_template": 1}}, "", Silence.NO_LLAMA_SERVER),
    ("loading", LLAMA, {"/props": status(503)}, "", Silence.LOADING),
    ("key", LLAMA, {"/props": status(401)}, "", Silence.LOCKED),
    ("forbidden", LLAMA, {"/props": status(403)}, "", Silence.LOCKED),
    ("router", LLAMA, {"/props": {"role": "router"}}, "", Silence.ROUTER),
    ("unloaded", LLAMA, {"/props": status(400)}, "m", Silence.UNLOADED),
    ("router-that-loads", LLAMA, {"/props": status(503)}, "m", Silence.LOADING),
    (
        "lemonade-without-a-model",
        LEMONADE,
        {HEALTH: {"all_models_loaded": []}},
        "",
        Silence.NO_LLAMA_SERVER,
    ),
    ("lemonade-with-a-key", LEMONADE, {HEALTH: status(401)}, "", Silence.LOCKED),
    ("lemonade-that-loads", LEMONADE, {HEALTH: status(503)}, "", Silence.LOADING),
]


@pytest.mark.parametrize(
    ("kind", "pages", "model", "why"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT]
)
async def test_one_that_says_nothing_has_a_reason(
    kind: Kind, pages: dict[str, Any], model: str, why: Silence
) -> None:
    async with serving(pages) as backend, Asker() as client:
        assert await props_of(client, backend.url, kind, model) is why


async def test_one_that_is_not_there_is_gone() -> None:
    async with Asker() as client:
        assert await props_of(client, "http://127.0.0.1:1", LLAMA) is Silence.GONE
        assert await ask_slots(client, "http://127.0.0.1:1") == ()


def loaded(url: str, **members: Any) -> dict[str, Any]:
    """A model that Lemonade has loaded."""
    told = {"recipe": "llamacpp", "type": "llm", "backend_url": f"{url}/v1", "last_use": 1}
    return {**told, **members}


BEHIND: list[tuple[str, dict[str, Any], bool]] = [
    ("the-only-one", {}, True),
    ("another-recipe", {"recipe": "flm"}, False),
    ("no-language-model", {"type": "embedding"}, False),
    ("no-address", {"backend_url": None}, False),
]


@pytest.mark.parametrize(
    ("members", "is_asked"), [row[1:] for row in BEHIND], ids=[row[0] for row in BEHIND]
)
async def test_the_llama_server_behind_lemonade_is_asked(
    members: dict[str, Any], is_asked: bool
) -> None:
    async with serving({"/props": said()}) as behind, Asker() as client:
        health = {"all_models_loaded": [loaded(behind.url, **members)]}
        async with serving({HEALTH: health}) as before:
            found = await props_of(client, before.url, LEMONADE)

    assert (isinstance(found, Props) and found.url == behind.url) is is_asked
    assert bool(behind.requests) is is_asked


async def test_of_several_models_the_one_used_last_answers() -> None:
    async with serving({"/props": said()}) as old, serving({"/props": said()}) as new:
        models = [loaded(new.url, last_use=5), loaded(old.url, last_use=4), 7]
        async with (
            serving({HEALTH: {"all_models_loaded": models}}) as before,
            Asker() as client,
        ):
            found = await props_of(client, before.url, LEMONADE)

    assert isinstance(found, Props)
    assert found.url == new.url


STATE = {"id": 0, "is_processing": False, "n_prompt_tokens": 7, "id_task": 3}
SLOTS: list[tuple[str, Any, int]] = [
    ("shown", [STATE], 1),
    ("off", status(501), 0),
    ("not-understood", [{"id": 0}], 0),
    ("page", json_response(b"<html>"), 0),
    ("object", {"slots": [STATE]}, 0),
]


@pytest.mark.parametrize(
    ("shown", "count"), [row[1:] for row in SLOTS], ids=[row[0] for row in SLOTS]
)
async def test_slots_are_those_that_are_shown_and_understood(shown: Any, count: int) -> None:
    async with serving({"/slots": shown}) as backend, Asker() as client:
        states = await ask_slots(client, backend.url)

    assert states == (SlotState(0, False, 7, 3, None, None),) * count


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("", "http://b/slots", id="none"),
        pytest.param("a b/c&d", "http://b/slots?model=a+b%2Fc%26d&autoload=false", id="router"),
    ],
)
def test_a_page_of_a_model_is_asked_for_without_loading_it(model: str, expected: str) -> None:
    assert page("http://b", "/slots", model) == expected
    assert httpx.URL(page("http://b", "/slots", model)).params.get("model", "") == model
