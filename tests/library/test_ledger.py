"""A program that sends its requests itself: what is put back, and what is never mixed."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.builders import assistant, call, calling, result, user
from warmprefix import Ledger, NotUnderstood, Prepared

GENERATED = call('{"b": 1, "a": 2}')
RESPELLED = call('{"a":2,"b":1}')
REPLY = {"choices": [{"message": calling(GENERATED), "finish_reason": "tool_calls"}]}
COUNTS = {"prompt_tokens": 100, "completion_tokens": 10}


def first() -> dict[str, Any]:
    return {"messages": [user("q")]}


def second(**more: Any) -> dict[str, Any]:
    return {"messages": [user("q"), calling(RESPELLED), result("c1")], **more}


def arguments(prepared: Prepared[Any]) -> str:
    body = prepared.body if isinstance(prepared.body, dict) else orjson.loads(prepared.body)
    text: str = body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    return text


def remembering(reply: Any = REPLY, **options: Any) -> Ledger:
    """A ledger after one turn."""
    ledger = Ledger(**options)
    ledger.remember(ledger.prepare(first()), reply)
    return ledger


def test_what_was_generated_is_put_back() -> None:
    prepared = remembering().prepare(second())

    assert arguments(prepared) == '{"b": 1, "a": 2}'
    assert prepared.changes
    assert prepared.conversation


def test_bytes_are_served_like_dicts_and_meet_in_one_conversation() -> None:
    prepared = remembering(orjson.dumps(REPLY)).prepare(orjson.dumps(second()))

    assert isinstance(prepared.body, bytes)
    assert arguments(prepared) == '{"b": 1, "a": 2}'


STREAM = b"".join(
    b"data: " + orjson.dumps({"choices": [{"delta": delta, "finish_reason": end}]}) + b"\n\n"
    for delta, end in (
        ({"role": "assistant", "tool_calls": [{"index": 0, **call('{"b": ')}]}, None),
        ({"tool_calls": [{"index": 0, "function": {"arguments": '1, "a": 2}'}}]}, None),
        ({}, "tool_calls"),
    )
)


def test_a_stream_is_read_as_it_came() -> None:
    assert (
        arguments(remembering(STREAM + b"data: [DONE]\n\n").prepare(second())) == '{"b": 1, "a": 2}'
    )


def test_a_request_that_needs_no_change_is_the_object_that_was_given() -> None:
    body, text = first(), orjson.dumps(first())

    assert Ledger().prepare(body).body is body
    assert Ledger().prepare(text).body is text


def test_what_was_not_remembered_is_left_as_the_client_spells_it() -> None:
    ledger = Ledger()
    ledger.prepare(first())

    assert arguments(ledger.prepare(second())) == '{"a":2,"b":1}'


def test_nothing_is_put_back_under_another_key() -> None:
    ledger = Ledger()
    ledger.remember(ledger.prepare(first(), {"Authorization": "Bearer one"}), REPLY)

    other = ledger.prepare(second(), {"Authorization": "Bearer two"})
    same = ledger.prepare(second(), {"authorization": "Bearer one"})

    assert arguments(other) == '{"a":2,"b":1}'
    assert arguments(same) == '{"b": 1, "a": 2}'


def test_reasoning_is_put_back_only_if_that_is_wanted() -> None:
    said = {
        "choices": [
            {"message": assistant("Yes.", reasoning_content="Hm."), "finish_reason": "stop"}
        ]
    }
    body = {"messages": [user("q"), assistant("Yes."), user("Why?")]}

    left, restored = (
        remembering(said, restores_reasoning=on).prepare(body).body["messages"][1]
        for on in (False, True)
    )

    assert "reasoning_content" not in left
    assert restored["reasoning_content"] == "Hm."


def test_a_break_is_said_with_the_tokens_that_the_backend_counted() -> None:
    ledger = remembering({**REPLY, "usage": COUNTS})
    prepared = ledger.prepare(
        {"messages": [user("q"), calling(call('{"other": 1}')), result("c1")]}
    )
    cached = {
        "prompt_tokens": 130,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 60},
    }
    broken = ledger.remember(prepared, {**REPLY, "usage": cached})

    assert broken is not None
    assert (broken.cause, broken.tokens_lost) == ("edit", 100 + 10 - 1 - 60)


def test_a_turn_that_goes_on_has_no_break() -> None:
    ledger = remembering()

    assert ledger.remember(ledger.prepare(second()), REPLY) is None


async def test_it_can_be_used_inside_an_event_loop() -> None:
    await asyncio.to_thread(remembering)

    assert arguments(remembering().prepare(second())) == '{"b": 1, "a": 2}'


def test_old_conversations_leave_if_there_is_no_room() -> None:
    ledger = remembering(max_bytes=1)
    ledger.remember(ledger.prepare({"messages": [user("another")]}), REPLY)

    assert ledger._turns.recent.number == 2
    assert ledger.prepare({"messages": [user("another")]}).conversation
    assert arguments(ledger.prepare(second())) == '{"a":2,"b":1}'


def test_a_failure_of_ours_leaves_the_body_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.library.turns.Turns.prepare", lambda *_: None)
    ledger, body = Ledger(), second()
    prepared = ledger.prepare(body)

    assert (prepared.body, prepared.changes, prepared.conversation) == (body, (), None)
    assert ledger.remember(prepared, REPLY) is None


def test_a_body_that_is_no_request_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="no array of messages"):
        Ledger().prepare({"prompt": "p"})


def test_a_reply_is_bytes_or_a_dict() -> None:
    ledger = Ledger()
    prepared = ledger.prepare(first())

    with pytest.raises(TypeError, match="not str"):
        ledger.remember(prepared, "{}")  # type: ignore[arg-type]


def test_names_are_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="no rule is called"):
        Ledger(enable=["freeze"])
    with pytest.raises(ValueError, match="no dialect is called"):
        Ledger(dialect="chat")  # type: ignore[arg-type]


def test_another_dialect_has_a_reader_of_its_own() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1, "a": 2}}
    ledger = Ledger(dialect="messages")
    asked: dict[str, Any] = {"max_tokens": 9, "messages": [user("q")]}
    reply = {"type": "message", "role": "assistant", "content": [use], "stop_reason": "tool_use"}
    ledger.remember(ledger.prepare(asked), reply)
    again = {
        **asked,
        "messages": [
            user("q"),
            {"role": "assistant", "content": [{**use, "input": {"a": 2, "b": 1}}]},
            user([{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]),
        ],
    }

    sent = ledger.prepare(again).body["messages"][1]["content"][0]["input"]

    assert list(sent) == ["b", "a"]
