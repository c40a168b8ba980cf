"""Who a message is: what clients change about it does not matter, what the model reads does."""

import re
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings

from tests.builders import Json, assistant, call, calling, result, system, user
from tests.chat_dialect import chat_message
from tests.strategies import conversations, prompt_of
from warmprefix.core.identity.keys import (
    DIGEST_BYTES,
    Identifier,
    Looseness,
    chain_key,
    content_key,
    match_key,
    scope_key,
    tool_key,
    tool_set_key,
    visible_text,
)
from warmprefix.core.identity.transient import BLOCKS
from warmprefix.core.messages import changed, shown_parts, written
from warmprefix.core.types import (
    CallPart,
    Message,
    OpaquePart,
    Part,
    RawJson,
    ReasoningPart,
    ResultPart,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.value import value_key
from warmprefix.dialects.chat_completions.messages import parse_message

SCOPE = scope_key("a")


def keys_of(messages: list[Any]) -> tuple[bytes, ...]:
    return Identifier().chain_keys(prompt_of(messages).messages, SCOPE)


def test_a_history_has_the_same_keys_whatever_was_asked_before() -> None:
    """Longer, shorter, edited, and with a tool result first among what is new."""
    messages = prompt_of([
        user("q"), calls("{}", "{}"), result("b"), result("a"), assistant("x"), user("y"), assistant("z"),
    ]).messages  # fmt: skip
    other = (*messages[:3], changed(messages[3], content="s"), *messages[4:])
    fresh = [(history, Identifier().chain_keys(history, SCOPE)) for history in (messages, other)]

    for end in range(len(messages) + 1):
        identifier = Identifier()
        identifier.chain_keys(messages[:end], SCOPE)
        for history, keys in fresh:
            assert identifier.chain_keys(history, SCOPE) == keys
            assert identifier.chain_keys(history[:end], SCOPE) == keys[:end]


def test_only_the_latest_histories_are_kept() -> None:
    identifier = Identifier()
    for number in range(20):
        identifier.chain_keys(prompt_of([user(f"q{number}")]).messages, SCOPE)

    assert len(identifier._latest) == 16


def calls(*arguments: Any, name: str = "f", ids: str = "abc") -> Json:
    """A message that calls one function with each of these arguments."""
    pairs = zip(arguments, ids, strict=False)
    return calling(*(call(text, name, at) for text, at in pairs))


class Pair(NamedTuple):
    id: str
    one: list[Any]
    other: list[Any]
    source: str


SAME = [
    Pair(
        "reply-edges",
        [assistant("\n\nHello ")],
        [assistant("Hello")],
        "https://github.com/NousResearch/hermes-agent/issues/7988",
    ),
    Pair(
        "system-edges",
        [{"role": "system", "content": "x\n"}],
        [{"role": "system", "content": "x"}],
        "https://github.com/NousResearch/hermes-agent/issues/7988",
    ),
    Pair("user-line-ends", [user("Hello\n\n")], [user("Hello")], "hermes_state.py:4928"),
    Pair(
        "reasoning",
        [assistant("a", reasoning_content="because")],
        [assistant("a")],
        "https://github.com/NousResearch/hermes-agent/issues/76018",
    ),
    Pair(
        "think-block",
        [assistant("<think>b</think>\n\na")],
        [assistant("a")],
        "https://github.com/NousResearch/hermes-agent/issues/27339",
    ),
    Pair(
        "details-block",
        [assistant('<details type="reasoning">\n> b\n</details>\na')],
        [assistant("a")],
        "https://github.com/open-webui/open-webui/issues/21815",
    ),
    Pair(
        "arguments-written-anew",
        [calls('{"b": 1, "a": "é"}')],
        [calls('{"a":"\\u00e9","b":1}')],
        "https://github.com/NousResearch/hermes-agent/issues/7988",
    ),
    Pair(
        "spelling-of-a-number",
        [calls('{"a":1e1}')],
        [calls('{"a":10.0}')],
        "hermes-agent, json.dumps",
    ),
    Pair(
        "arguments-as-object",
        [calls({"a": 1})],
        [calls('{"a":1}')],
        "https://github.com/NousResearch/hermes-agent/issues/1071",
    ),
    Pair("no-arguments", [calls("")], [calls("{}")], "llama.cpp common/chat.cpp:1041-1057"),
    Pair("null-arguments", [calls(None)], [calls("{}")], "llama.cpp common/chat.cpp:1041-1057"),
    Pair(
        "ids-renamed",
        [calls("{}", ids="a"), result("a")],
        [calls("{}", ids="z"), result("z")],
        "own: ids made anew",
    ),
    Pair(
        "ids-of-a-batch-renamed",
        [calls("1", "2"), result("a"), result("b")],
        [calls("1", "2", ids="xy"), result("x"), result("y")],
        "own: ids made anew",
    ),
    Pair(
        "name-of-a-result-lost",
        [calls("{}"), result("a", name="f")],
        [calls("{}"), result("a")],
        "tool_dispatch_helpers.py:486",
    ),
    Pair(
        "one-text-part",
        [user([{"type": "text", "text": "x"}])],
        [user("x")],
        "prompt_caching.py:84",
    ),
    Pair(
        "order-of-members",
        [user("x", a=1, b=2)],
        [{"b": 2, "a": 1, "content": "x", "role": "user"}],
        "own",
    ),
]


@pytest.mark.parametrize("case", SAME, ids=lambda case: case.id)
def test_a_message_is_recognised(case: Pair) -> None:
    assert keys_of(case.one) == keys_of(case.other)


DIFFERENT = [
    Pair("word", [assistant("a")], [assistant("b")], "an edit"),
    Pair("role", [assistant("a")], [user("a")], "own"),
    Pair(
        "system-or-developer",
        [{"role": "system", "content": "a"}],
        [{"role": "developer", "content": "a"}],
        "the role is the client's word",
    ),
    Pair("indentation-of-a-user", [user("  a")], [user("a")], "pasted code"),
    Pair("no-break-space", [assistant("\u00a0a")], [assistant("a")], "content, not an edge"),
    Pair(
        "edges-of-a-result",
        [calls("{}"), result("a", "r\n")],
        [calls("{}"), result("a", "r")],
        "the output of a tool",
    ),
    Pair("inner-blanks", [assistant("a  b")], [assistant("a b")], "code"),
    Pair("think-block-of-a-user", [user("<think>b</think>a")], [user("a")], "not reasoning"),
    Pair(
        "think-block-further-down",
        [assistant("a<think>b</think>")],
        [assistant("a")],
        "an answer about it",
    ),
    Pair("integer-or-float", [calls('{"a":1}')], [calls('{"a":1.0}')], "own"),
    Pair("true-or-one", [calls('{"a":true}')], [calls('{"a":1}')], "own"),
    Pair("null-or-absent", [calls('{"a":null}')], [calls("{}")], "a tool may tell them apart"),
    Pair("member-twice", [calls('{"a":1,"a":2}')], [calls('{"a":2}')], "parsers disagree on it"),
    Pair("blank-in-an-argument", [calls('{"a":"x "}')], [calls('{"a":"x"}')], "text"),
    Pair("arguments-that-say-null", [calls("null")], [calls("{}")], "text, not nothing"),
    Pair("arguments-as-array", [calls([1])], [calls([2])], "own: kept as it came"),
    Pair("name-of-a-call", [calls("{}", name="f")], [calls("{}", name="g")], "own"),
    Pair("number-of-calls", [calls("{}")], [calls("{}", "{}")], "own"),
    Pair("order-of-calls", [calls("1", "2")], [calls("2", "1")], "own"),
    Pair(
        "results-swapped",
        [calls("1", "2"), result("a"), result("b", "s")],
        [calls("1", "2"), result("b"), result("a", "s")],
        "own",
    ),
    Pair("author", [user("x", name="ann")], [user("x")], "templates print it"),
    Pair(
        "picture",
        [user([{"type": "image_url", "u": 1}])],
        [user([{"type": "image_url", "u": 2}])],
        "another picture",
    ),
    Pair(
        "where-parts-end",
        [user([{"type": "text", "text": "ab"}, {"type": "text", "text": "c"}])],
        [user([{"type": "text", "text": "a"}, {"type": "text", "text": "bc"}])],
        "own",
    ),
    Pair("member-of-a-message", [user("x", audio=1)], [user("x", audio=2)], "own"),
    Pair("where-a-member-ends", [user("x", a=12)], [user("x", a1=2)], "own"),
]


@pytest.mark.parametrize("case", DIFFERENT, ids=lambda case: case.id)
def test_another_message_is_another(case: Pair) -> None:
    assert keys_of(case.one)[-1] != keys_of(case.other)[-1]


IMPOSTORS = [
    pytest.param(
        chat_message("user", (TextPart('part{"type":"i"}'),)),
        chat_message("user", (OpaquePart(RawJson(b'{"type":"i"}')),)),
        id="text-that-spells-a-picture",
    ),
    pytest.param(
        chat_message(
            "assistant", (TextPart("x"), TextPart("f"), TextPart(value_key("{}").decode()))
        ),
        chat_message("assistant", "x", tool_calls=(ToolCall("c", "f", "{}"),)),
        id="texts-that-spell-a-call",
    ),
    pytest.param(
        chat_message("assistant", "x", extra={"name": RawJson(b'"a"')}),
        chat_message("assistant", "x", name="a"),
        id="member-that-spells-a-name",
    ),
]


@pytest.mark.parametrize(("one", "other"), IMPOSTORS)
def test_no_piece_passes_for_one_of_another_kind(one: Message, other: Message) -> None:
    assert match_key(one) != match_key(other)


def test_an_opt_in_rule_makes_the_key_looser() -> None:
    """Only where the rule is on, and only for what it names."""
    one = prompt_of([user("a"), assistant("b"), user("c\n<system-reminder>t</system-reminder>")])
    other = prompt_of([user("a"), assistant("b"), user("c")])
    loose, strict = Identifier(Looseness(blocks=BLOCKS)), Identifier()

    assert loose.chain_keys(one.messages, SCOPE) == loose.chain_keys(other.messages, SCOPE)
    assert strict.chain_keys(one.messages, SCOPE) != strict.chain_keys(other.messages, SCOPE)


VOLATILE = [
    pytest.param([system("1"), user("x")], [system("2"), user("x")], True, id="before-a-reply"),
    pytest.param([user("1"), user("x")], [user("2"), user("x")], False, id="of-another-client"),
    pytest.param([user("a"), user("x")], [user("b"), user("x")], True, id="of-this-client"),
    pytest.param([assistant("1")], [assistant("2")], False, id="in-a-reply"),
    pytest.param(
        [assistant("x"), user("1")], [assistant("x"), user("2")], False, id="behind-a-reply"
    ),
]


@pytest.mark.parametrize(("one", "other", "same"), VOLATILE)
def test_volatile_text_is_left_out_before_the_first_reply(
    one: list[Any], other: list[Any], same: bool
) -> None:
    digits, letters = (re.compile(r"[0-9]"),), (re.compile(r"[ab]"),)
    identifier = Identifier(Looseness(volatile=digits, of_user=letters))
    keys = [identifier.chain_keys(prompt_of(side).messages, SCOPE) for side in (one, other)]

    assert (keys[0] == keys[1]) is same


def test_an_opaque_message_is_recognised_by_its_bytes_alone() -> None:
    half, other = (parse_message(b'{"role":"user","content":"\\ud83%c"}' % c) for c in b"de")

    assert half.opaque
    assert match_key(half) == match_key(parse_message(half.raw or b""))
    assert match_key(half) != match_key(other)
    assert match_key(chat_message(None, opaque=True)) != match_key(half)


def visible(message: Message) -> object:
    """What a template prints of a message, but for calls."""
    if message.opaque:
        return message.raw
    content = message.content
    parts = content if isinstance(content, tuple) else (TextPart(content or ""),)
    return message.role, tuple(
        TextPart(visible_text(message.role, part.text), part.extra)
        if isinstance(part, TextPart)
        else part
        for part in parts
    )


@given(conversations(), conversations())
@settings(max_examples=60)
def test_messages_of_different_visible_text_never_share_a_key(
    one: list[Any], other: list[Any]
) -> None:
    for left in prompt_of(one).messages:
        for right in prompt_of(other).messages:
            if visible(left) != visible(right):
                assert match_key(left) != match_key(right)


@given(conversations())
@settings(max_examples=60)
def test_keys_do_not_depend_on_memory_or_on_received_bytes(messages: list[Any]) -> None:
    prompt = prompt_of(messages)
    identifier = Identifier()
    first = identifier.chain_keys(prompt.messages, SCOPE)
    anew = tuple(m if m.opaque else changed(m) for m in prompt.messages)

    assert identifier.chain_keys(prompt.messages, SCOPE) == first
    assert Identifier().chain_keys(anew, SCOPE) == first
    assert [len(key) for key in first] == [DIGEST_BYTES] * len(messages)


@given(conversations())
@settings(max_examples=60)
def test_a_chain_key_is_that_of_the_history_before_it(messages: list[Any]) -> None:
    keys = keys_of(messages)

    for count in range(len(messages)):
        assert keys_of(messages[:count]) == keys[:count]


@given(conversations(), conversations())
@settings(max_examples=40)
def test_an_edit_makes_another_chain_from_there_on(before: list[Any], after: list[Any]) -> None:
    assume(after)
    one = keys_of([user("a"), *before, *after])
    other = keys_of([user("b"), *before, *after])

    assert not set(one) & set(other)


def test_a_chain_key_follows_from_the_parent_and_the_message() -> None:
    message = parse_message(b'{"role":"user","content":"x"}')

    assert Identifier().chain_keys([message], SCOPE) == (chain_key(SCOPE, match_key(message)),)


def test_scopes_share_no_key() -> None:
    scopes = {
        scope_key(),
        scope_key("a"),
        scope_key("a", "b"),
        scope_key("ab"),
        scope_key("\ud800"),
    }

    assert len(scopes) == 5


def tool(definition: bytes) -> Tool:
    return Tool(None, RawJson(definition))


def test_a_tool_is_known_by_its_definition_as_a_value() -> None:
    identifier = Identifier()
    first, same, other = tool(b'{"a":1,"b":2}'), tool(b'{ "b": 2, "a": 1 }'), tool(b'{"a":1}')

    keys = identifier.tool_keys([first, same, other])

    assert keys == identifier.tool_keys([first, same, other])
    assert keys[0] == keys[1] == tool_key(same)
    assert keys[0] != keys[2]
    assert tool_set_key(keys) == tool_set_key(keys[::-1])
    assert tool_set_key(keys) != tool_set_key(keys[1:])


def test_bytes_have_one_address() -> None:
    raw = written(chat_message("user", "x"))

    assert content_key(raw) == content_key(bytes(raw))
    assert content_key(raw) != content_key(raw + b" ")


LARGE = '{{{0}"type":{0}"image",{0}"url":{0}"{1}"{0}}}'


def shown(blank: str, data: str) -> Message:
    """A message with a picture of more than a megabyte."""
    raw = RawJson(LARGE.format(blank, data * 400_000).encode())
    return Message("user", (TextPart("x"), OpaquePart(RawJson(b"[" + raw + b"]"), 1, len(raw) + 1)))


def test_a_large_picture_has_the_key_that_it_has_without_blanks() -> None:
    assert match_key(shown("", "abc")) == match_key(shown(" ", "abc"))
    assert match_key(shown("", "abc")) != match_key(shown("", "abd"))


def test_a_large_picture_that_is_not_copied_has_the_key_of_its_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = match_key(shown(" ", "abc"))
    monkeypatch.setattr("warmprefix.core.identity.keys._LARGE_BYTES", 1 << 30)

    assert match_key(shown(" ", "abc")) == found


def test_the_keys_of_a_history_with_a_large_picture_are_remembered_and_right() -> None:
    message = shown("", "abc")
    pictured = replace(message, raw=RawJson(b"p" * 2_000_000))
    other = replace(message, parts=(TextPart("y"),), raw=RawJson(b"q" * 2_000_000))
    identifier = Identifier()

    once, again = (identifier.chain_keys((pictured,), b"s") for _ in range(2))

    assert once == again == Identifier().chain_keys((pictured,), b"s")
    assert identifier.chain_keys((other,), b"s") != once


def test_a_match_key_that_was_computed_for_a_history_is_that_of_the_message() -> None:
    identifier, message = Identifier(), chat_message("user", "Hi", raw=RawJson(b"{}"))

    assert identifier.match_key(message) == match_key(message)
    assert identifier.match_key(message) == match_key(message)  # remembered
    assert identifier.match_key(replace(message, raw=None)) == match_key(message)


A, B = (ResultPart(name, shown_parts(f"result {name}")) for name in "ab")
ASKED = CallPart(ToolCall("c", "f", '{"a":1}'))
PICTURE = OpaquePart(RawJson(b'{ "type":"image" }'))


def mixed(*parts: Part) -> Message:
    return Message("user", parts)


PAIRS_OF_MIXED = [
    pytest.param(mixed(A, B), mixed(A, B), (0, 1), (0, 1), True, id="same"),
    pytest.param(mixed(A, B), mixed(B, A), (0, 1), (1, 0), False, id="another-order"),
    pytest.param(mixed(A, B), mixed(A, B), (0, 1), (1, 0), False, id="other-calls"),
    pytest.param(mixed(A, B), mixed(A, B), (0, 1), (0,), False, id="a-call-of-nobody"),
    pytest.param(
        mixed(A, TextPart("x\n")), mixed(A, TextPart("x")), (0,), (0,), True, id="edges-of-a-text"
    ),
    pytest.param(mixed(A, TextPart("x")), mixed(TextPart("x"), A), (0,), (0,), False, id="places"),
    pytest.param(
        mixed(A, PICTURE),
        mixed(A, OpaquePart(RawJson(b'{"type":"image"}'))),
        (0,),
        (0,),
        True,
        id="blanks-of-a-picture",
    ),
    pytest.param(
        mixed(A, ResultPart("b", (PICTURE,))),
        mixed(A, ResultPart("b", (TextPart("x"),))),
        (0, 1),
        (0, 1),
        False,
        id="a-result-of-a-picture",
    ),
    pytest.param(
        Message("user", (TextPart("x\n"), PICTURE)),
        Message("user", (TextPart("x"), PICTURE)),
        (),
        (),
        True,
        id="edges-of-a-text-beside-a-picture",
    ),
    pytest.param(mixed(A, ASKED), mixed(A, B), (0,), (0, 1), False, id="a-call"),
    pytest.param(
        mixed(ReasoningPart("r"), A, B),
        mixed(A, B),
        (0, 1),
        (0, 1),
        True,
        id="reasoning-is-left-out",
    ),
]


@pytest.mark.parametrize(("one", "other", "mine", "theirs", "same"), PAIRS_OF_MIXED)
def test_a_message_of_several_results_is_what_it_shows_in_order(
    one: Message, other: Message, mine: tuple[int, ...], theirs: tuple[int, ...], same: bool
) -> None:
    assert (match_key(one, mine) == match_key(other, theirs)) is same


def test_a_batch_of_results_in_one_message_answers_the_calls_before_it() -> None:
    """Whoever speaks behind the results: a text beside them ends the batch."""
    calls = Message("assistant", tuple(CallPart(ToolCall(name, "f", "{}")) for name in "ab"))
    swapped = Message("assistant", tuple(CallPart(ToolCall(name, "f", "{}")) for name in "ba"))
    results = mixed(A, B, TextPart("x"))

    keys = Identifier().chain_keys((calls, results), SCOPE)

    assert keys != Identifier().chain_keys((swapped, results), SCOPE)
