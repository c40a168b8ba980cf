"""The experiment of `doctor --probe`: which slot it takes, and why it is not made. tests/real/test_doctor.py
makes it on a real llama-server."""

from typing import Any

import pytest

from tests.fakes.pages import serving, status
from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.client import Asker
from warmprefix.backends.experiment import experiment
from warmprefix.core.doctor.facts import Probe

TOKENS = {"tokens": list(range(1000))}


def slot(number: int, tokens: int | None = 0, *, busy: bool = False, room: int = 4096) -> Any:
    told = {"id": number, "is_processing": busy, "n_ctx": room}
    return told if tokens is None else {**told, "n_prompt_tokens": tokens}


class Slotted(ScriptedBackend):
    """A server that counts what it reads."""

    def __init__(self, *slots: Any, timings: Any = None) -> None:
        super().__init__(otherwise=self._script)
        self.slots = slots
        self.timings = {"prompt_n": 600, "prompt_ms": 300.0, "cache_n": 290}
        self.timings = self.timings if timings is None else timings

    def _script(self, request: Request) -> list[Step]:
        pages = {"/slots": list(self.slots), "/tokenize": TOKENS}
        return json_response(pages.get(request.target, {"timings": self.timings}))

    def evaluated(self) -> list[Any]:
        return [r.json() for r in self.requests if r.target == "/completion"]


async def of(backend: ScriptedBackend) -> Probe:
    async with backend, Asker() as client:
        return await experiment(client, backend.url)


async def test_a_prompt_and_one_that_shares_its_half_are_read() -> None:
    backend = Slotted(slot(0))
    found = await of(backend)

    assert found == Probe(shared=300, cached=290, rate=2000.0)
    first, second = (body["prompt"] for body in backend.evaluated())
    assert len(first) == 600
    assert (first[:300] == second[:300], first[300] == second[300]) == (True, False)
    assert {(b["n_predict"], b["cache_prompt"]) for b in backend.evaluated()} == {(1, True)}


CHOSEN: list[tuple[str, list[Any], int]] = [
    ("least-held", [slot(0, 500), slot(1, 20), slot(2, 900)], 1),
    ("unused", [slot(0, 5), slot(1, None)], 1),
    ("idle", [slot(0, 0, busy=True), slot(1, 900)], 1),
]


@pytest.mark.parametrize(
    ("slots", "chosen"), [row[1:] for row in CHOSEN], ids=[row[0] for row in CHOSEN]
)
async def test_the_idle_slot_that_loses_least_is_taken(slots: list[Any], chosen: int) -> None:
    backend = Slotted(*slots)
    await of(backend)

    assert {body["id_slot"] for body in backend.evaluated()} == {chosen}


PAGES: dict[str, Any] = {
    "/slots": [slot(0)],
    "/tokenize": TOKENS,
    "/completion": {"timings": {"prompt_n": 600, "prompt_ms": 300.0, "cache_n": 290}},
}
NOT_MADE: list[tuple[str, dict[str, Any], str]] = [
    ("hidden", {"/slots": status(501)}, "does not show its slots"),
    ("no-list", {"/slots": {"a": 1}}, "does not show its slots"),
    ("all-busy", {"/slots": [slot(0, busy=True)]}, "No slot is idle."),
    ("too-small", {"/slots": [slot(0, room=699)]}, "no room for the 700 tokens"),
    ("few-tokens", {"/tokenize": {"tokens": [1]}}, "too few tokens"),
    ("refused", {"/completion": status(400)}, "answered 400 to a prompt of 600 tokens"),
    ("no-timings", {"/completion": {}}, "The experiment failed: KeyError"),
    ("odd-timings", {"/completion": {"timings": 1}}, "The experiment failed: TypeError"),
    ("odd-slots", {"/slots": [{"id": 0}]}, "The experiment failed: KeyError"),
    ("page", {"/tokenize": json_response(b"<html>")}, "The experiment failed: JSONDecodeError"),
]


@pytest.mark.parametrize(
    ("changed", "says"), [row[1:] for row in NOT_MADE], ids=[row[0] for row in NOT_MADE]
)
async def test_why_it_is_not_made_is_told(changed: dict[str, Any], says: str) -> None:
    found = await of(serving({**PAGES, **changed}))

    assert says in found.problem
    assert found.cached is None


async def test_just_enough_room_is_enough() -> None:
    assert (await of(Slotted(slot(0, room=700)))).problem == ""


async def test_no_time_is_no_rate() -> None:
    found = await of(Slotted(slot(0), timings={"prompt_n": 600, "prompt_ms": 0, "cache_n": 3}))

    assert (found.cached, found.rate) == (3, None)
