"""What a router lists is read without trusting its shape. tests/real/test_router.py asks a real one."""

from typing import Any

import pytest

from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.client import Asker
from warmprefix.backends.router import Listed, Router, ask_router

ROUTER = {"role": "router", "max_instances": 2}
ONE = {"id": "one", "aliases": ["uno"], "status": {"value": "loaded"}}

SHAPES: list[tuple[str, Any, Any, Router | None]] = [
    ("loaded", ROUTER, {"data": [ONE]}, Router((Listed("one", ("uno",), True),), 2)),
    ("asleep", ROUTER, {"data": [{**ONE, "status": {"value": "sleeping"}}]},
     Router((Listed("one", ("uno",), True),), 2)),
    ("unloaded", ROUTER, {"data": [{**ONE, "status": {"value": "unloaded"}}]},
     Router((Listed("one", ("uno",), False),), 2)),
    ("without-more", ROUTER, {"data": [{"id": "one"}]}, Router((Listed("one", (), False),), 2)),
    ("odd-members", ROUTER, {"data": [{"id": "one", "aliases": [1, ""], "status": "loaded"}]},
     Router((Listed("one", (), False),), 2)),
    ("no-limit", {"role": "router", "max_instances": -1}, {"data": []}, Router((), 0)),
    ("odd-limit", {"role": "router", "max_instances": "2"}, {"data": []}, Router((), 0)),
    ("nameless", ROUTER, {"data": [{"id": 1}, 2]}, Router((), 2)),
    ("no-list", ROUTER, {"data": {}}, Router((), 2)),
    ("no-router", {"total_slots": 1}, {"data": [ONE]}, None),
    ("text", b"<html>", b"<html>", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("props", "models", "expected"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES]
)
async def test_a_router_is_what_says_so(props: Any, models: Any, expected: Router | None) -> None:
    def script(request: Request) -> list[Step]:
        return json_response(props if request.target == "/props" else models)

    async with ScriptedBackend(otherwise=script) as backend, Asker() as client:
        assert await ask_router(client, backend.url) == expected


async def test_one_that_is_gone_says_nothing() -> None:
    async with Asker() as client:
        assert await ask_router(client, "http://127.0.0.1:1") is None
