"""Calls that a client writes into the text of a reply."""

import json

import pytest

from tests.builders import Json, assistant, call, calling, result, system, user
from tests.core.memory.histories import Case, S, Turn, U, assert_undone, messages
from warmprefix.core.memory.alignment import NO_UNDOING, Change, Undoing
from warmprefix.core.memory.written_calls import are_written_out

LOOK = {"path": "notes.txt", "limit": 4}
READ = call(json.dumps(LOOK), "read")
REPLY = {**calling(READ), "content": "I look first.\n\n"}
BOTH = calling(READ, call("{}", "count", "c2"))
PYTHON = (
    f"[{{'id': 'c1', 'type': 'function', 'function': {{'name': 'read', 'arguments': {LOOK}}}}}]"
)
JSON = json.dumps([{"name": "read", "arguments": LOOK}])


def said(text: str) -> Json:
    return assistant(text)


@pytest.mark.parametrize(
    ("reply", "given", "written"),
    [
        pytest.param(REPLY, said(f"I look first.\nCalling tools:\n{PYTHON}"), True, id="Python"),
        pytest.param(REPLY, said(f"I look first.\n{JSON}"), True, id="JSON, without a label"),
        pytest.param(calling(READ), said(f"\nCalling tools:\n{PYTHON}"), True, id="no text"),
        pytest.param(calling(READ), said(f"Call: {JSON[1:-1]}"), True, id="not in a list"),
        pytest.param(
            calling(READ),
            said(json.dumps([{"name": "read", "arguments": json.dumps(LOOK)}])),
            True,
            id="arguments as text",
        ),
        pytest.param(
            BOTH,
            said(f"{JSON[:-1]}, {json.dumps({'name': 'count', 'arguments': {}})}]"),
            True,
            id="two",
        ),
        pytest.param(calling(call("", "now")), said("[{'name': 'now'}]"), True, id="no arguments"),
        pytest.param(BOTH, said(JSON), False, id="one of two"),
        pytest.param(REPLY, said(f"I looked.\n{PYTHON}"), False, id="another text"),
        pytest.param(REPLY, said("I look first."), False, id="no call"),
        pytest.param(REPLY, said(f"I look first.\n{JSON} Done."), False, id="more behind it"),
        pytest.param(REPLY, said(f"I look first.\n{'So. ' * 20}{JSON}"), False, id="more in front"),
        pytest.param(REPLY, said(f"I look first.\n[{' ' * 70_000}]"), False, id="too long"),
        pytest.param(REPLY, said(PYTHON.replace("4", "5")), False, id="other arguments"),
        pytest.param(calling(READ), said(PYTHON.replace("4", "5")), False, id="another limit"),
        pytest.param(calling(READ), said("[1, 2]"), False, id="no calls in it"),
        pytest.param(calling(READ), said('[{"function": 1}]'), False, id="no function in it"),
        pytest.param(calling(READ), said("[" * 300), False, id="no value"),
        pytest.param(said("Hi."), said("Hi."), False, id="a reply without calls"),
        pytest.param(calling(READ), calling(READ), False, id="as calls"),
        pytest.param(user("Hi."), said(JSON), False, id="no reply"),
    ],
)
def test_calls_are_known_by_their_names_and_arguments(
    reply: Json, given: Json, written: bool
) -> None:
    assert are_written_out(*messages(reply, given)) is written


def test_calls_whose_arguments_are_values_are_known_too() -> None:
    raw = {"name": "read", "arguments": LOOK}
    reply = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": raw}]}

    assert are_written_out(*messages(reply, said(JSON)))


WRITTEN, SEEN = said(f"I look first.\nCalling tools:\n{PYTHON}"), user("Observation:\n4 lines")
AGAIN, SEEN_AGAIN = said(f"\nCalling tools:\n{PYTHON}"), user("Observation:\n5 lines")
CALLS = Undoing(calls=True)
CASES = [
    Case(
        "a call",
        [Turn([S, U], REPLY)],
        [S, U, WRITTEN, SEEN],
        [S, U, REPLY, SEEN],
        ("reply",),
        undoing=CALLS,
    ),
    Case(
        "and the next one",
        [Turn([S, U], REPLY), Turn([S, U, WRITTEN, SEEN], calling(READ))],
        [S, U, WRITTEN, SEEN, AGAIN, SEEN_AGAIN],
        [S, U, REPLY, SEEN, calling(READ), SEEN_AGAIN],
        ("reply",),
        undoing=CALLS,
    ),
    Case(
        "a call that was made in another turn, with its result",
        [
            Turn([system("Do."), U], calling(READ)),
            Turn([system("Do."), U, calling(READ), result("c1")], REPLY),
        ],
        [system("Do."), U, calling(READ), result("c1"), WRITTEN, SEEN],
        [system("Do."), U, calling(READ), result("c1"), REPLY, SEEN],
        ("reply",),
        undoing=CALLS,
    ),
    Case(
        "without the rule",
        [Turn([S, U], calling(READ)), Turn([S, U, calling(READ), result("c1")], REPLY)],
        [S, U, calling(READ), result("c1"), WRITTEN, SEEN],
        change=Change(4, "edit"),
        undoing=NO_UNDOING,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_call_that_was_written_into_a_text_is_a_call_again(case: Case) -> None:
    assert_undone(case)
