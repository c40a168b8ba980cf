"""How far a prompt is what the backend holds, and what another prompt would have saved."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.builders import Json, call, calling
from tests.chat_dialect import chat_message
from tests.fakes.scripted_replies import dump
from warmprefix.core.explain.saving import Reach, Reaches, WouldSave, held, would_save
from warmprefix.core.types import CacheStats, Prompt, RawJson, Tool
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.dialects.messages import MESSAGES

SYSTEM = {"role": "system", "content": "You help."}
USER = {"role": "user", "content": "Read it."}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "text"}


def calls(arguments: str | None, call_id: str = "c1") -> Json:
    return calling(call(arguments, "read", call_id))


CALL = calls('{"a": 1}')
TOOL = Tool("read", RawJson(b'{"type":"function","function":{"name":"read"}}'))


def prompt(*messages: Json, tools: tuple[Tool, ...] | None = None) -> Prompt:
    return Prompt(tuple(parse_message(dump(message)) for message in messages), tools)


def size(*messages: Json) -> int:
    """Characters of messages that are written as they are here."""
    return sum(len(dump(message)) for message in messages)


@dataclass(frozen=True)
class Case:
    """The messages held, those sent next, and what is the same: whole messages, characters."""

    id: str
    before: tuple[Json, ...]
    after: tuple[Json, ...]
    messages: int
    left: int


CASES = [
    Case("goes-on", (SYSTEM,), (SYSTEM, USER), 1, size(USER)),
    Case("same", (SYSTEM, USER), (SYSTEM, USER), 2, 0),
    Case("shorter", (SYSTEM, USER), (SYSTEM,), 1, 0),
    Case("text", (SYSTEM, USER), (SYSTEM, {**USER, "content": "Read me."}), 1, len('me."}')),
    Case("null-field", (SYSTEM, {**USER, "name": None}), (SYSTEM, USER), 2, 0),
    Case("key-order", (dict(reversed(USER.items())),), (USER,), 1, 0),
    Case("content-null", ({**CALL, "content": None},), (CALL,), 1, 0),
    Case("result-name", ({**RESULT, "name": "read"},), (RESULT,), 1, 0),
    Case("result-id", ({**RESULT, "tool_call_id": "c2"},), (RESULT,), 1, 0),
    Case("call-id", (calls('{"a": 1}', "c2"),), (CALL,), 1, 0),
    Case("arguments-blanks", (calls('{"a":1}'),), (CALL,), 1, 0),
    Case("arguments-cut", (calls('{"a": '),), (calls('{"a": '),), 1, 0),
    Case("no-arguments", (calls(None),), (calls(None),), 1, 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_prompt_reaches_as_far_as_templates_show_the_same(case: Case) -> None:
    found = Reaches().of(prompt(*case.before), prompt(*case.after))

    assert (found.messages, found.left) == (case.messages, case.left)


def test_the_spelling_of_json_makes_no_difference() -> None:
    spellings = (
        b'{"role":"user","content":"\\u00e4"}',
        '{"role": "user", "content": "ä"}'.encode(),
    )
    one, other = (Prompt((parse_message(raw),)) for raw in spellings)

    assert Reaches().of(one, other).left == 0


def test_the_spelling_of_arguments_that_are_a_value_makes_no_difference() -> None:
    before, after = (
        b'{"role":"assistant","content":[{"type":"tool_use","id":"%s","name":"f","input":%s}]}' % of
        for of in ((b"a", b'{ "a": 1 }'), (b"b", b'{"a":1}'))
    )
    held_, sent = (Prompt((MESSAGES.parse_message(raw),)) for raw in (before, after))
    other = Prompt((MESSAGES.parse_message(after.replace(b"1", b"2")),))

    assert Reaches().of(held_, sent).left == 0
    assert Reaches().of(held_, other).left == len("2}}]}")


def test_the_spelling_of_a_result_that_names_no_call_makes_no_difference() -> None:
    tight = b'{"role":"user","content":[{"type":"tool_result","content":"ok"}]}'
    loose = b'{"role":"user","content":[{ "content": "ok", "type": "tool_result" }]}'
    reaches = Reaches()
    one, other = (Prompt((MESSAGES.parse_message(raw),)) for raw in (tight, loose))

    assert reaches.of(one, other).left == 0


def test_nothing_held_shares_nothing() -> None:
    found = Reaches().of(None, prompt(SYSTEM, USER, tools=(TOOL,)))

    assert found == Reach(0, 0, len(TOOL.definition) + size(SYSTEM, USER))


def test_tools_count_as_what_stands_before_the_messages() -> None:
    before = prompt(SYSTEM, tools=(TOOL,))
    found = Reaches().of(before, replace(before, messages=prompt(SYSTEM, USER).messages))

    assert (found.messages, found.left) == (1, size(USER))
    assert found.characters == len(TOOL.definition) + size(SYSTEM)


def test_the_size_of_a_prompt_is_what_it_shares_with_itself() -> None:
    whole = prompt(SYSTEM, USER, tools=(TOOL,))

    assert Reaches().size(whole) == Reaches().of(whole, whole).characters
    assert Reaches().size(whole) == len(TOOL.definition) + size(SYSTEM, USER)


def test_other_tools_share_nothing() -> None:
    found = Reaches().of(prompt(SYSTEM, tools=(TOOL,)), prompt(SYSTEM))

    assert (found.messages, found.characters) == (0, 0)


def test_the_reply_is_held_too() -> None:
    reply = chat_message("assistant", "Hi.", keys=("role", "content"))
    answered = {"role": "assistant", "content": "Hi."}
    before = held(prompt(USER), reply)

    assert Reaches().of(before, prompt(USER, answered)).left == 0
    assert held(prompt(USER), None) == prompt(USER)


def test_an_opaque_message_is_compared_as_it_came() -> None:
    raw = RawJson(b'{"role":"user","role":"user"}')
    opaque = Prompt((chat_message(None, opaque=True, raw=raw),))
    reaches = Reaches()

    assert reaches.of(opaque, opaque) == reaches.of(opaque, opaque) == Reach(1, len(raw), len(raw))


SAVINGS = [
    pytest.param((1000, 600, 400), (1000, 600), (1000, 900), 300, id="what-the-texts-differ-by"),
    pytest.param((1000, 800, 200), (1000, 500), (1000, 900), 100, id="not-more-than-evaluated"),
    pytest.param((1000, 0, 1000), (1000, 800), (1000, 900), 100, id="not-what-an-eviction-cost"),
    pytest.param((1000, 950, 50), (1000, 500), (1000, 900), 0, id="never-negative"),
    pytest.param((500, 300, 200), (1000, 600), (1000, 1000), 199, id="one-is-always-evaluated"),
]


@pytest.mark.parametrize(("counts", "direct", "through", "tokens"), SAVINGS)
def test_a_saving_is_an_estimate_within_bounds(
    counts: tuple[int, int, int], direct: tuple[int, int], through: tuple[int, int], tokens: int
) -> None:
    """`direct` and `through`: characters in all, and of them shared."""
    reaches = [Reach(0, shared, total) for total, shared in (direct, through)]

    assert would_save(CacheStats(*counts), *reaches) == WouldSave(tokens, estimated=True)


@pytest.mark.parametrize("shared", [600, 500])
def test_nothing_more_shared_is_exactly_nothing_saved(shared: int) -> None:
    found = would_save(CacheStats(), Reach(0, 600, 1000), Reach(0, shared, 1000))

    assert found == WouldSave(0, estimated=False)


@pytest.mark.parametrize(
    "stats", [CacheStats(), CacheStats(1000), CacheStats(None, None, 5), CacheStats(0, 0, 0)]
)
def test_what_was_not_reported_is_not_known(stats: CacheStats) -> None:
    found = would_save(stats, Reach(0, 600, 1000), Reach(0, 900, 1000))

    assert found == WouldSave(None, estimated=True)


PICTURES = [
    pytest.param("a" * 2_000_000, "a" * 2_000_000, True, id="same"),
    pytest.param("a" * 2_000_000, "a" * 2_000_001, False, id="another-size"),
    pytest.param("a" * 2_000_000, "a" * 1_999_999 + "b", False, id="another-end"),
]


@pytest.mark.parametrize("held_in", [lambda part: [part], lambda part: ["x", part]])
@pytest.mark.parametrize(("before", "after", "is_same"), PICTURES)
def test_large_pictures_are_compared_by_their_edges(
    before: str, after: str, is_same: bool, held_in: Callable[[Json], list[Json]]
) -> None:
    old, new = (
        prompt({"role": "user", "content": held_in({"type": "image_url", "url": data})})
        for data in (before, after)
    )
    reach = Reaches().of(old, new)

    assert (reach.messages == 1) is is_same
    assert reach.total < 4000


def test_a_large_picture_in_a_tools_result_is_compared_by_its_edges() -> None:
    picture = {"type": "image", "source": {"data": "a" * 2_000_000}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [picture]}
    message = MESSAGES.parse_message(dump({"role": "user", "content": [result]}))

    assert Reaches().size(Prompt((message,))) < 4000
