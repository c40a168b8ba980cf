"""Saving and restoring of slots: what each answer of a llama-server means."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.pages import serving, status
from tests.fakes.scripted import Cut
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.slot_files import Moved, SlotsApi
from warmprefix.core.errors import BackendError, Disconnected

SLOT = "/slots/0?action=save"
MODELS, ADAPTERS = "/v1/models", "/lora-adapters"


@pytest.fixture
async def api() -> AsyncIterator[SlotsApi]:
    made = SlotsApi()
    yield made
    await made.close()


CAN: list[tuple[str, Any, bool | None]] = [
    ("refused-name", status(400), True),
    ("off", status(501), False),
    ("loading", status(503), None),
    ("key", status(401), None),
    ("done", status(200), None),
    ("gone", [Cut()], None),
]


@pytest.mark.parametrize(("answer", "can"), [row[1:] for row in CAN], ids=[row[0] for row in CAN])
async def test_whether_slots_can_be_saved(api: SlotsApi, answer: Any, can: bool | None) -> None:
    async with serving({SLOT: answer}) as backend:
        assert await api.can_save(backend.url) is can

    assert backend.requests[0].json() == {"filename": ""}


async def test_a_router_refuses_for_a_model_that_is_not_loaded() -> None:
    """With 400 too, which says nothing of that model's server."""
    api = SlotsApi(model="m")
    refused = status(400, {"error": {"message": "model is not loaded"}})
    target = "/slots/0?action=save&autoload=false"
    async with serving({target: refused}) as backend:
        assert await api.can_save(backend.url) is None
    async with serving({target: status(400)}) as other:
        assert await api.can_save(other.url) is True
    await api.close()

    assert backend.requests[0].json() == {"filename": "", "model": "m"}


META = {"size": 1, "n_params": 2}
TRAITS: list[tuple[str, Any, Any, tuple[str, ...] | None]] = [
    ("said", {"data": [{"id": "m", "meta": META}]}, [1], ('{"n_params":2,"size":1}', "[1]")),
    ("no-meta", {"data": [{"id": "m"}]}, [1], ("null", "[1]")),
    ("no-adapters", {"data": [{"meta": META}]}, status(404, {}), ('{"n_params":2,"size":1}', "{}")),
    ("no-models", {"data": []}, [1], None),
    ("odd-models", {"data": [7]}, [1], None),
    ("no-list", [], [1], None),
    ("page", json_response(b"<html>"), [1], None),
    ("adapters-want-a-key", {"data": [{"meta": META}]}, status(401), None),
]


@pytest.mark.parametrize(
    ("models", "adapters", "expected"), [row[1:] for row in TRAITS], ids=[row[0] for row in TRAITS]
)
async def test_what_a_file_must_fit(
    api: SlotsApi, models: Any, adapters: Any, expected: tuple[str, ...] | None
) -> None:
    async with serving({MODELS: models, ADAPTERS: adapters}) as backend:
        assert await api.traits(backend.url) == expected


async def test_of_a_router_the_named_model_counts() -> None:
    api = SlotsApi(model="m")
    listed = [{"id": "other", "meta": {"size": 9}}, {"id": "m", "meta": {"size": 1}}]
    async with serving({MODELS: {"data": listed}, ADAPTERS: []}) as backend:
        assert await api.traits(backend.url) == ('{"size":1}', "[]")
    async with serving({MODELS: {"data": [{"id": "m"}]}, ADAPTERS: []}) as unloaded:
        assert await api.traits(unloaded.url) is None
    await api.close()


@pytest.mark.parametrize(
    ("answer", "moved"),
    [
        pytest.param({"n_saved": 7, "n_written": 90}, Moved(7, 90), id="said"),
        pytest.param({"n_saved": "7"}, Moved(0, 0), id="not-said"),
    ],
)
async def test_what_was_saved(api: SlotsApi, answer: Any, moved: Moved) -> None:
    async with serving({"/slots/2?action=save": answer}) as backend:
        assert await api.save(backend.url, 2, "f.bin", 5.0) == moved

    assert backend.requests[0].json() == {"filename": "f.bin"}


async def test_what_was_restored(api: SlotsApi) -> None:
    answer = {"n_restored": 7, "n_read": 90}
    async with serving({"/slots/0?action=restore": answer}) as backend:
        assert await api.restore(backend.url, 0, "f.bin", 5.0) == Moved(7, 90)


FAILS: list[tuple[str, Any, type[BackendError]]] = [
    ("full-disk", status(500, {"error": "no space"}), BackendError),
    ("off", status(501), BackendError),
    ("list", [], BackendError),
    ("page", json_response(b"<html>"), Disconnected),
    ("gone", [Cut()], Disconnected),
]


@pytest.mark.parametrize(
    ("answer", "error"), [row[1:] for row in FAILS], ids=[row[0] for row in FAILS]
)
async def test_what_failed_is_raised(api: SlotsApi, answer: Any, error: type[BackendError]) -> None:
    async with serving({SLOT: answer, "/slots/0?action=restore": answer}) as backend:
        with pytest.raises(BackendError) as saving:
            await api.save(backend.url, 0, "f.bin", 5.0)
        with pytest.raises(BackendError) as restoring:
            await api.restore(backend.url, 0, "f.bin", 5.0)

    assert (saving.type, restoring.type) == (error, error)
