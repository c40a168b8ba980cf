"""The stages of a request are values: none changes, and the turn is what they and the listeners say."""

import dataclasses
import json
from typing import Any, get_type_hints

import pytest

from tests.ledger_driver import NO_TIMES, PATH, Driver
from warmprefix.backends import llamacpp
from warmprefix.core.errors import StoreError
from warmprefix.core.routing import Route
from warmprefix.core.types import Finish, Kind, Message, Outcome, Reply, Timings
from warmprefix.dialects import DIALECTS
from warmprefix.pipeline import stages
from warmprefix.pipeline.stages import (
    Ended,
    Outgoing,
    Passed,
    Patch,
    Written,
    as_it_came,
    ended_of,
    turn_of,
)

STAGES = [stages.Passed, stages.Understood, stages.Placed, stages.Written, stages.Ended]
HELLO = [{"role": "user", "content": "Hello."}]
OPTIONAL = {"client", "model", "request"}  # of `Passed`, for the log


async def sent(messages: object, **members: object) -> Outgoing:
    body = json.dumps({"model": "m", "messages": messages, **members}).encode()
    return await Driver().pipeline.prepare(as_it_came(PATH, {}, body), llamacpp.KIND)


def ended(outgoing: Outgoing, reply: Reply | None = None, **named: Any) -> Ended:
    return ended_of(outgoing, reply or Reply(), 200, Outcome.OK, NO_TIMES, **named)


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_in_a_stage_changes_but_the_list_of_failures(stage: type) -> None:
    hints = get_type_hints(stage)
    lists = {name for name, hint in hints.items() if getattr(hint, "__origin__", None) is list}

    assert dataclasses.fields(stage)
    assert stage.__dataclass_params__.frozen  # type: ignore[attr-defined]  # of every dataclass
    assert lists - {"headers"} <= {"failed_open"}  # headers are a list in ASGI


async def test_a_body_that_is_not_understood_is_passed_as_it_came() -> None:
    passed = as_it_came(PATH, {}, b"no JSON")
    found = await Driver().pipeline.prepare(passed, llamacpp.KIND)

    assert found is passed
    assert passed.failed_open == ["not-understood"]
    assert turn_of(ended(found), {}).place is None


async def test_a_fault_behind_the_parser_leaves_what_was_read_for_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def boom(*_: object) -> None:
        raise StoreError("injected")

    monkeypatch.setattr("warmprefix.pipeline.placing.ancestry", boom)
    found = await sent(HELLO, stream=True)
    turn = turn_of(ended(found), {})

    assert isinstance(found, Passed)
    assert (turn.model, turn.stream, turn.sent_messages) == ("m", True, 1)
    assert (turn.place, turn.failed_open) == (None, ("prepare",))


async def test_the_turn_is_what_the_exchange_and_the_listeners_say() -> None:
    outgoing = await sent(HELLO)
    assert isinstance(outgoing, Written)
    reply = Reply(timings=Timings(cache_n=5, prompt_n=2), model="loaded")
    turn = turn_of(
        ended(outgoing, reply, route=Route("a", "the only one")),
        {"slot": 1, "slot_reason": "its own", "prompt_characters": 7},
    )

    assert (turn.id, turn.place, turn.kind) == (outgoing.came.turn, outgoing.place, Kind.COLD)
    assert (turn.model, turn.stats.prompt_tokens) == ("loaded", 7)
    assert (turn.backend, turn.backend_reason) == ("a", "the only one")
    assert (turn.slot, turn.slot_reason, turn.prompt_characters) == (1, "its own", 7)
    assert (turn.kept, turn.cache_break, turn.prefix) == (None, None, None)
    assert turn.title == "Hello."


async def test_a_turn_has_a_title_only_if_that_is_shown() -> None:
    found = ended(await sent(HELLO))

    assert turn_of(found, {}, has_title=False) == dataclasses.replace(
        turn_of(found, {}), title=None
    )


async def test_a_side_request_is_one_wherever_it_stands() -> None:
    found = ended(await sent(HELLO))
    said = Patch(kind=Kind.EDIT)
    passed = ended(as_it_came(PATH, {}, b""))

    assert turn_of(found, said).kind is Kind.EDIT
    assert turn_of(dataclasses.replace(found, is_side=True), {}).kind is Kind.SIDE
    assert turn_of(passed, {}).kind is None
    assert turn_of(dataclasses.replace(passed, is_side=True), {}).kind is Kind.SIDE


async def test_a_reply_is_written_once_for_everyone() -> None:
    message = DIALECTS[0].parse_message(b'{"role":"assistant","content":"Hi"}')
    generated: Message = dataclasses.replace(message, raw=None)
    found = ended(await sent(HELLO), Reply(message=generated, finish=Finish.ANSWER))

    assert found.reply.message == generated
    assert found.reply.message.raw == b'{"role":"assistant","content":"Hi"}'


async def test_tools_have_their_say_when_it_is_known_what_is_sent() -> None:
    """The history goes on; what is offered with it is another."""
    driver, tool = Driver(), {"type": "function", "function": {"name": "look"}}
    reply = {"role": "assistant", "content": "Hi"}
    await driver.send(HELLO, None, reply)
    await driver.send([*HELLO, reply, *HELLO], [tool])
    found = driver.outgoing

    assert isinstance(found, Written)
    assert (found.placed.place.kind, found.place.kind) == (Kind.APPEND, Kind.TOOLS_CHANGED)
    assert dataclasses.replace(found.place, kind=Kind.APPEND) == found.placed.place
