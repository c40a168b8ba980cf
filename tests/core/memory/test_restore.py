"""Which bytes go out for a message that is recognised."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.builders import assistant, call
from warmprefix.core.identity.keys import Identifier, Looseness, scope_key
from warmprefix.core.identity.transient import BLOCKS
from warmprefix.core.memory.continuation import Continuation
from warmprefix.core.memory.ledger import Node
from warmprefix.core.memory.restore import How, _as_received, _with_id, restore
from warmprefix.core.messages import changed, shown_parts, written
from warmprefix.core.types import Message, RawJson, ResultPart
from warmprefix.dialects.chat_completions.messages import parse_message

SCOPE = scope_key("test")


def message(value: Any) -> Message:
    return parse_message(json.dumps(value).encode())


USER = {"role": "user", "content": "Go."}
DONE = {"role": "assistant", "content": "Done."}


@dataclass(frozen=True)
class Case:
    """`held`: what the ledger remembers at the message's place; `sent` None: the client's own."""

    id: str
    held: dict[str, Any]
    given: dict[str, Any]
    sent: dict[str, Any] | None
    generated: bool = True
    reasoning: bool = False
    names: tuple[str, ...] = ()


THINKING = assistant("A", reasoning_content="why")
CASES = (
    Case("equal", assistant("A"), assistant("A"), None),
    Case("edges", assistant("A\n"), assistant("A"), assistant("A\n"), names=("content",)),
    Case(
        "arguments",
        assistant("", tool_calls=[call('{"b": 1, "a": 2}')]),
        assistant("", tool_calls=[call('{"a":2,"b":1}')]),
        assistant("", tool_calls=[call('{"b": 1, "a": 2}')]),
        names=("arguments",),
    ),
    Case(
        "ids",
        assistant("", tool_calls=[call("{}", call_id="c1")]),
        assistant("", tool_calls=[call("{}", call_id="zz")]),
        assistant("", tool_calls=[call("{}", call_id="c1")]),
        names=("ids",),
    ),
    Case("reasoning-dropped-left", THINKING, assistant("A"), None),
    Case(
        "reasoning-dropped-put-back",
        THINKING,
        assistant("A"),
        THINKING,
        reasoning=True,
        names=("reasoning",),
    ),
    Case("not-the-models-own", THINKING, assistant("A"), None, generated=False, reasoning=True),
    Case(
        "reasoning-padded",
        assistant("A", reasoning_content="a b"),
        assistant("A", reasoning_content="a\nb "),
        assistant("A", reasoning_content="a b"),
        names=("reasoning",),
    ),
    Case(
        "reasoning-in-the-text",
        THINKING,
        assistant("<think>\nwhy\n</think>\n\nA"),
        THINKING,
        reasoning=True,
        names=("reasoning",),
    ),
    Case(
        "reasoning-in-the-text-left",
        THINKING,
        assistant("<think>\nwhy\n</think>\n\nA"),
        None,
    ),
    Case(
        "broken-arguments-stay-mended",
        assistant("A\n", tool_calls=[call("")]),
        assistant("A", tool_calls=[call("{}")]),
        assistant("A\n", tool_calls=[call("{}")]),
        names=("content",),
    ),
    Case(
        "broken-arguments-behind-dropped-reasoning",
        assistant("", reasoning_content="why", tool_calls=[call("")]),
        assistant("", tool_calls=[call("{}")]),
        None,
    ),
    Case("reasoning-edited", THINKING, assistant("A", reasoning_content="other"), None),
    Case(
        "reasoning-edited-arguments-kept",
        assistant("", reasoning_content="why", tool_calls=[call('{"a": 1}')]),
        assistant("", reasoning_content="other", tool_calls=[call('{"a":1}')]),
        assistant("", reasoning_content="other", tool_calls=[call('{"a": 1}')]),
        names=("arguments",),
    ),
    Case(
        "think-block-stripped",
        assistant("<think>x</think>A"),
        assistant("A"),
        assistant("<think>x</think>A"),
        reasoning=True,
        names=("content",),
    ),
    Case("think-block-stripped-left", assistant("<think>x</think>A"), assistant("A"), None),
    Case(
        "no-edges-behind-reasoning-that-is-gone",
        assistant("A\n", reasoning_content="why"),
        assistant("A"),
        None,
    ),
)


def held(value: dict[str, Any], key: bytes, generated: bool) -> dict[bytes, Node]:
    raw = RawJson(json.dumps(value).encode())
    return {key: Node(key, key, b"", raw, generated, "conversation", "turn")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_recognised_reply_goes_out_as_the_backend_holds_it(case: Case) -> None:
    messages = (message(USER), message(case.given))
    keys = Identifier().chain_keys(messages, SCOPE)

    restored = restore(
        messages,
        keys,
        held(case.held, keys[1], case.generated),
        How(parse_message, case.reasoning),
    )

    assert json.loads(written(restored.messages[1])) == (case.sent or case.given)
    assert restored.names == case.names
    assert (restored.messages[1] is messages[1]) is (case.sent is None)


@pytest.mark.parametrize("role", ["assistant", "user"])
def test_only_a_reply_that_nobody_remembers_keeps_the_edges_it_came_with(role: str) -> None:
    received = (message({"role": role, "content": " A\n"}),)
    canonical = (message({"role": role, "content": "A"}),)

    sent = restore(canonical, [b"k"], {}, How(parse_message, False, received=received))

    assert sent.messages[0].content == (" A\n" if role == "assistant" else "A")
    assert sent.names == ()


def test_a_remembered_reply_goes_without_the_edges_that_a_client_put_around_it() -> None:
    received = (message({"role": "assistant", "content": " A\n"}),)
    canonical = (message({"role": "assistant", "content": "A"}),)
    raw = canonical[0].raw
    assert raw is not None
    nodes = {b"k": Node(b"k", b"k", b"", raw, True, "conversation", "turn")}

    sent = restore(canonical, [b"k"], nodes, How(parse_message, False, received=received))

    assert sent.messages[0] is canonical[0]


IN_PARTS = [
    pytest.param(["A"], "A", id="no-edges"),
    pytest.param([" A\n"], " A\n", id="edges"),
    pytest.param([" A", "\n"], "A", id="several-parts"),
    pytest.param(["B\n"], "A", id="another-text"),
]


@pytest.mark.parametrize(("texts", "expected"), IN_PARTS)
def test_a_reply_that_came_in_parts_keeps_the_edges_of_its_only_text(
    texts: list[str], expected: str
) -> None:
    parts = message(assistant([{"type": "text", "text": text} for text in texts]))
    canonical = (message({"role": "assistant", "content": "A"}),)

    sent = restore(canonical, [b"k"], {}, How(parse_message, False, received=(parts,)))

    assert sent.messages[0].content == expected
    assert (sent.messages[0] is canonical[0]) is (expected == "A")


def test_a_new_result_is_tied_to_the_id_its_call_is_sent_with() -> None:
    result = {"role": "tool", "tool_call_id": "mine", "content": "r"}
    messages = (
        message(USER),
        message(assistant("", tool_calls=[call("{}", call_id="mine")])),
        message(result),
    )
    keys = Identifier().chain_keys(messages, SCOPE)
    nodes = held(assistant("", tool_calls=[call("{}", call_id="theirs")]), keys[1], True)

    sent = restore(messages, keys, nodes, How(parse_message, False))

    assert sent.messages[2].tool_call_id == "theirs"
    assert sent.names == ("ids",)


def test_a_call_without_an_id_leaves_its_result_without_one() -> None:
    result = {"role": "tool", "tool_call_id": "mine", "content": "r"}
    messages = (
        message(USER),
        message(assistant("", tool_calls=[call("{}", call_id="mine")])),
        message(result),
    )
    keys = Identifier().chain_keys(messages, SCOPE)
    nodes = held(assistant("", tool_calls=[call("{}", call_id=None)]), keys[1], True)

    sent = restore(messages, keys, nodes, How(parse_message, False))

    assert json.loads(written(sent.messages[2])) == {"role": "tool", "content": "r"}


SURROGATE = b'{"role":"tool","tool_call_id":"m2","content":"\\ud83d"}'


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(SURROGATE, ["m1", "m2"], id="both-keep-the-clients"),
        pytest.param(SURROGATE.replace(b"\\ud83d", b"r"), ["t1", "t2"], id="both-are-renamed"),
    ],
)
def test_calls_keep_the_id_that_an_opaque_result_names(last: bytes, expected: list[str]) -> None:
    given, held_as = ([call("{}", call_id=f"{of}{at}") for at in (1, 2)] for of in "mt")
    messages = (
        message(USER),
        message(assistant("A", tool_calls=given)),
        message({"role": "tool", "tool_call_id": "m1", "content": "r"}),
        parse_message(last),
        message(USER),
    )
    keys = Identifier().chain_keys(messages, SCOPE)
    nodes = held(assistant("A\n", tool_calls=held_as), keys[1], True)

    sent = restore(messages, keys, nodes, How(parse_message, False)).messages

    named = [json.loads(written(m))["tool_call_id"] for m in sent[2:4]]
    assert named == [made.id for made in sent[1].tool_calls] == expected
    assert sent[1].content == "A\n"


def test_a_result_keeps_its_call_whatever_it_is_remembered_as() -> None:
    """The client mended arguments that are no JSON, so its calls go out under its own ids."""
    given = assistant("", tool_calls=[call("{}", call_id="mine")])
    result = {"role": "tool", "tool_call_id": "mine", "content": "r"}
    messages = (message(USER), message(given), message(result))
    keys = Identifier().chain_keys(messages, SCOPE)
    nodes = held(assistant("", tool_calls=[call("{", call_id="theirs")]), keys[1], True)
    nodes |= held({**result, "tool_call_id": "theirs"}, keys[2], False)

    sent = restore(messages, keys, nodes, How(parse_message, False))

    assert sent.messages[1].tool_calls[0].id == sent.messages[2].tool_call_id == "mine"


@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_reasoning_beside_what_is_no_reply_is_the_clients(role: str) -> None:
    given = message({"role": role, "content": "x", "reasoning_content": "mine"})
    keys = Identifier().chain_keys((given,), SCOPE)
    remembered = {"role": role, "content": "x", "reasoning_content": "theirs"}

    sent = restore((given,), keys, held(remembered, keys[0], False), How(parse_message, True))

    assert sent.messages[0] is given


@pytest.mark.parametrize(
    ("given", "is_same"),
    [
        pytest.param(b'{"role":"assistant","content":"A"}', True, id="put-back"),
        pytest.param(
            b'{ "role":"assistant","content":"\\u0041\\n" }', True, id="spelled-otherwise"
        ),
        pytest.param(
            b'{"role":"assistant","content":"A","reasoning_content":"x"}', False, id="left"
        ),
    ],
)
def test_what_goes_out_as_it_is_remembered_is_told(given: bytes, is_same: bool) -> None:
    messages = (message(USER), parse_message(given), message({**USER, "content": "More."}))
    keys = Identifier().chain_keys(messages, SCOPE)
    nodes = held(assistant("A\n", reasoning_content=""), keys[1], True)

    restored = restore(messages, keys, nodes, How(parse_message, False))

    assert restored.nodes == (None, nodes[keys[1]] if is_same else None, None)


def test_what_the_backend_does_not_hold_is_left_as_it_came() -> None:
    given = message(assistant("A"))
    messages = (message(USER), given, message({**USER, "content": "More."}))
    keys = Identifier().chain_keys(messages, SCOPE)
    last = (*messages, message(assistant("B")))
    how = How(parse_message, False, continuation=Continuation(last))

    sent = restore(messages, keys, held(assistant("A\n"), keys[1], True), how)

    assert sent.messages[1] is given
    assert sent.names == ()


def test_an_opaque_message_is_never_touched() -> None:
    odd = parse_message(b'{"role":"user","content":"\\ud83d"}')
    keys = Identifier().chain_keys((odd,), SCOPE)

    sent = restore((odd,), keys, held(USER, keys[0], False), How(parse_message, True))

    assert sent.messages[0] is odd


BLOCK = {"role": "user", "content": "Go.\n\n<system-reminder>now</system-reminder>"}
OTHER_BLOCK = {"role": "user", "content": "Go.\n\n<system-reminder>later</system-reminder>"}
PARTS = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}


@pytest.mark.parametrize(
    ("given", "behind", "sent"),
    [
        pytest.param(USER, [DONE], BLOCK, id="dropped-from-an-old-turn"),
        pytest.param(USER, [], USER, id="a-new-turn-is-the-clients"),
        pytest.param(OTHER_BLOCK, [DONE], OTHER_BLOCK, id="shown-otherwise-is-the-clients"),
        pytest.param(PARTS, [DONE], PARTS, id="not-text"),
    ],
)
def test_a_block_goes_back_only_into_a_turn_that_lost_it(
    given: dict[str, Any], behind: list[dict[str, Any]], sent: dict[str, Any]
) -> None:
    messages = tuple(message(value) for value in (given, *behind))
    keys = Identifier(Looseness(blocks=BLOCKS)).chain_keys(messages, SCOPE)
    remembered = BLOCK if given is not PARTS else {**PARTS, "name": "kept"}

    result = restore(
        messages, keys, held(remembered, keys[0], False), How(parse_message, False, blocks=BLOCKS)
    )

    if given is PARTS:
        assert json.loads(written(result.messages[0])) == remembered
    else:
        assert json.loads(written(result.messages[0])) == sent


@pytest.mark.parametrize(("reply", "kept"), [(DONE, True), ({**DONE, "content": "8 GB."}, False)])
def test_a_volatile_text_goes_back_only_in_front_of_its_reply(
    reply: dict[str, Any], kept: bool
) -> None:
    """A user who changed the question has got another reply to it."""
    before = {"role": "user", "content": "Card 30: how much?"}
    messages = tuple(
        message(value) for value in ({**before, "content": "Card 40: how much?"}, reply)
    )
    identifier = Identifier(Looseness(of_user=(re.compile("[0-9]+"),)))
    keys = identifier.chain_keys(messages, SCOPE)
    given = identifier.chain_keys((message(before), message(DONE)), SCOPE)
    nodes = held(before, given[0], False) | held(DONE, given[1], True)

    result = restore(messages, keys, nodes, How(parse_message, False))

    assert (result.messages[0].content == "Card 30: how much?") is kept


def test_what_was_stripped_and_put_back_is_the_clients_own_object() -> None:
    received = (message(DONE),)
    sent = (parse_message(json.dumps(DONE, indent=1).encode()),)

    assert _as_received(sent, received)[0] is received[0]


def test_messages_of_another_number_are_not_compared() -> None:
    sent = (message(DONE), message(USER))

    assert _as_received(sent, sent[:1]) == sent


def test_each_result_of_a_message_is_tied_to_the_id_its_call_is_sent_with() -> None:
    given: dict[str | None, str | None] = {"a": "x", "b": "y"}
    results = tuple(ResultPart(name, shown_parts(name)) for name in given)
    sent = Message("user", results)

    found = _with_id(sent, sent, given)

    assert [result.call_id for result in found.results] == ["x", "y"]
    assert _with_id(sent, sent, {}) is sent
    assert _with_id(sent, Message("user", shown_parts("x")), given) is sent


NAMED = {"role": "tool", "tool_call_id": "c1", "name": "read", "content": "r"}
NAMELESS = {key: value for key, value in NAMED.items() if key != "name"}


@pytest.mark.parametrize(
    ("remembered", "given", "names", "sent"),
    [
        (NAMED, NAMELESS, True, NAMED),
        (NAMED, NAMELESS, False, NAMELESS),
        (NAMELESS, NAMED, True, NAMELESS),
        (NAMELESS, NAMED, False, NAMED),
        (NAMED, {**NAMED, "name": "look"}, False, {**NAMED, "name": "look"}),
    ],
)
def test_the_name_of_a_result_is_that_which_was_sent_unless_that_is_switched_off(
    remembered: dict[str, Any], given: dict[str, Any], names: bool, sent: dict[str, Any]
) -> None:
    result = message(given)
    keys = Identifier().chain_keys((result,), SCOPE)

    out = restore(
        (result,), keys, held(remembered, keys[0], False), How(parse_message, False, names=names)
    )

    assert json.loads(written(out.messages[0])) == sent


def test_a_result_that_is_not_remembered_has_the_name_that_it_came_with() -> None:
    result, given = message(NAMELESS), message(NAMED)
    keys = Identifier().chain_keys((result,), SCOPE)

    out = restore((result,), keys, {}, How(parse_message, False, received=(given,)))

    assert out.messages == (given,)


def test_reasoning_that_only_one_of_two_forms_has_is_the_clients() -> None:
    given = message({"role": "user", "content": "Go.\n"})
    keys = Identifier().chain_keys((given,), SCOPE)

    def thoughtful(raw: bytes) -> Message:
        return changed(parse_message(raw), reasoning="so")

    out = restore((given,), keys, held(USER, keys[0], False), How(thoughtful, False))

    assert out.messages[0] is given


def test_results_in_another_order_keep_their_own_names() -> None:
    calls = {**DONE, "tool_calls": [call(call_id=name) for name in ("c1", "c2")]}
    named = [{**NAMED, "tool_call_id": name, "name": name} for name in ("c2", "c1")]
    received = [message(value) for value in (USER, calls, *named, DONE)]
    ordered = (*received[:2], received[3], received[2], received[4])
    nameless = tuple(changed(m, name=None, keys=()) if m.results else m for m in ordered)
    keys = Identifier().chain_keys(nameless, SCOPE)

    out = restore(nameless, keys, {}, How(parse_message, False, received=tuple(received)))

    assert [m.name for m in out.messages if m.results] == ["c1", "c2"]


def test_a_result_of_which_nothing_came_has_no_name() -> None:
    result = message(NAMELESS)
    keys = Identifier().chain_keys((result,), SCOPE)
    other = message({**NAMED, "tool_call_id": "c9"})

    out = restore((result,), keys, {}, How(parse_message, False, received=(other,)))

    assert out.messages == (result,)
