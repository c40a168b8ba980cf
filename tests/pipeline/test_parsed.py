"""What was parsed before is the same object, and the request is the one that a fresh parse gives."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chat_dialect import parse
from tests.strategies import Json, body_of, conversations
from warmprefix.dialects.base import NOT_BEGUN
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.pipeline.parsed import Parsed

MESSAGES: list[Json] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c"},
]
TOOLS: list[Json] = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def body(messages: list[Json], **members: object) -> bytes:
    return json.dumps({"model": "m", "messages": messages, **members}).encode()


def test_a_history_that_goes_on_is_walked_from_where_it_goes_on() -> None:
    parsed = Parsed(CHAT)
    first = parse(body(MESSAGES), parsed)
    longer = body([*MESSAGES, {"role": "user", "content": "d"}], tools=TOOLS)
    begun = parsed.begun(longer)
    second = parse(longer, parsed)

    assert len(begun.spans) == 3  # the last one might have been written anew
    assert all(a is b for a, b in zip(first.prompt.messages, second.prompt.messages, strict=False))
    assert second == parse(longer)


def test_an_edited_history_is_walked_anew() -> None:
    parsed = Parsed(CHAT)
    parse(body(MESSAGES), parsed)
    edited = body([{"role": "system", "content": "Be long."}, *MESSAGES[1:]])

    assert parsed.begun(edited) is NOT_BEGUN
    assert parse(edited, parsed) == parse(edited)


def test_the_same_tools_are_the_same_object() -> None:
    parsed = Parsed(CHAT)
    one, other = (parse(body(MESSAGES[:2], tools=TOOLS), parsed).prompt.tools for _ in range(2))

    assert one is other


def test_only_the_latest_histories_are_kept() -> None:
    parsed = Parsed(CHAT)
    bodies = [body([{"role": "system", "content": str(at)}, *MESSAGES]) for at in range(12)]
    for each in bodies:
        parse(each, parsed)

    assert [parsed.begun(each) is NOT_BEGUN for each in bodies] == [True] * 4 + [False] * 8


def test_large_ones_leave_sooner_and_the_largest_are_never_kept() -> None:
    parsed = Parsed(CHAT)
    sizes = {"s": 1_000, "m": 9_000_000, "l": 9_000_001, "x": 17_000_000}
    bodies = [body([{"role": "user", "content": name * n}, *MESSAGES]) for name, n in sizes.items()]
    for each in bodies:
        parse(each, parsed)

    assert [parsed.begun(each) is NOT_BEGUN for each in bodies] == [True, True, False, True]


@given(st.lists(conversations(), min_size=1, max_size=3), st.data())
@settings(max_examples=80)
def test_whatever_was_parsed_before_the_request_is_the_same(
    histories: list[list[Json]], data: st.DataObject
) -> None:
    parsed = Parsed(CHAT)
    for _ in range(4):
        history = data.draw(st.sampled_from(histories))
        given_body = body_of(history[: data.draw(st.integers(0, len(history)))])
        found, fresh = parse(given_body, parsed), parse(given_body)

        assert found == fresh
        assert [m.raw for m in found.prompt.messages] == [m.raw for m in fresh.prompt.messages]
