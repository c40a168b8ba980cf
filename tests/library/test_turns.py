"""Requests in a row, without an event loop."""

import asyncio

import pytest

from tests.builders import user
from warmprefix.config import Config
from warmprefix.core.types import Reply
from warmprefix.dialects import DIALECTS
from warmprefix.library.bodies import to_bytes
from warmprefix.library.turns import Turns, at_once

BODY = to_bytes({"messages": [user("q")]})


async def three() -> int:
    return 3


def test_a_coroutine_that_waits_for_nothing_has_its_result_at_once() -> None:
    assert at_once(three()) == 3


def test_one_that_waits_is_closed_and_refused() -> None:
    with pytest.raises(RuntimeError, match="it waits"):
        at_once(asyncio.sleep(0))


def test_an_error_comes_through() -> None:
    async def fails() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        at_once(fails())


def test_the_names_of_headers_have_no_case() -> None:
    turns = Turns(Config(), 1 << 20)
    written = turns.prepare(DIALECTS[0], BODY, {"Authorization": "Bearer a"})

    assert written is not None
    assert dict(written.came.headers) == {"authorization": "Bearer a"}


def test_a_part_that_fails_leaves_the_request_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(Config(), 1 << 20)
    monkeypatch.setattr(turns._pipeline, "_placer", None)

    assert turns.prepare(DIALECTS[0], BODY) is None


def test_the_second_turn_goes_on_from_the_first() -> None:
    turns = Turns(Config(), 1 << 20)
    first = turns.prepare(DIALECTS[0], BODY)
    assert first is not None

    assert turns.remember(first, Reply()) is None
    second = turns.prepare(DIALECTS[0], BODY)

    assert second is not None
    assert second.place.conversation == first.place.conversation
