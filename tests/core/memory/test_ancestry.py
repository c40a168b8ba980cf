"""Which of the histories that look alike a request goes on from."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from tests.builders import Json, assistant, call, result
from warmprefix.core.identity.keys import Identifier, scope_key
from warmprefix.core.memory.ancestry import ancestry
from warmprefix.core.memory.ledger import (
    NO_ANCESTRY,
    NOTHING,
    Ancestry,
    Conversation,
    Found,
    Node,
    node_id,
)
from warmprefix.core.types import Message, RawJson
from warmprefix.dialects.chat_completions.messages import parse_message

SCOPE = scope_key("test")
S: Json = {"role": "system", "content": "You help."}
U: Json = {"role": "user", "content": "Hello"}
V: Json = {"role": "user", "content": "And then?"}
W: Json = {"role": "user", "content": "Why?"}


def says(content: str, why: str = "", call_id: str = "") -> Json:
    """A reply with what the model thought, and a call under an id."""
    thought = {"reasoning_content": why} if why else {}
    calls = {"tool_calls": [call(call_id=call_id)]} if call_id else {}
    return assistant(content, **thought, **calls)


class Turn(NamedTuple):
    """A turn of a conversation: what was sent, and what the model said."""

    conversation: str
    sent: Sequence[Json]
    reply: Json | None
    session: str | None = None


def messages_of(history: Sequence[Json]) -> tuple[Message, ...]:
    return tuple(parse_message(json.dumps(message).encode()) for message in history)


def memory(*turns: Turn) -> tuple[dict[bytes, Node], dict[str, Conversation]]:
    """All nodes by id, in the order in which they were put, and the conversations."""
    nodes: dict[bytes, Node] = {}
    conversations: dict[str, Conversation] = {}
    for number, turn in enumerate(turns):
        history = [*turn.sent, *([turn.reply] if turn.reply else [])]
        keys = Identifier().chain_keys(messages_of(history), SCOPE)
        parent = SCOPE
        for at, (key, message) in enumerate(zip(keys, history, strict=True)):
            raw = RawJson(json.dumps(message).encode())
            name = node_id(parent, key, raw)
            generated = at == len(turn.sent) or (name in nodes and nodes[name].generated)
            known = nodes.get(name)
            if known is None or at == len(turn.sent):
                owner = turn.conversation
                nodes[name] = Node(name, key, parent, raw, generated, owner, f"t{number}")
            parent = name
        count = len(turn.sent)
        reply = keys[count] if turn.reply else None
        before = conversations.get(turn.conversation)
        conversations[turn.conversation] = Conversation(
            turn.conversation,
            (before.turns if before else 0) + 1,
            f"t{number}",
            "m",
            keys[count - 1],
            count,
            reply,
            (),
            {},
            session=turn.session,
        )
    return nodes, conversations


def found(history: Sequence[Json], *turns: Turn, without: Sequence[Json] = ()) -> Found:
    """What a store that saw the turns knows of a history. `without`: messages that it has forgotten."""
    nodes, conversations = memory(*turns)
    lost = [json.dumps(message).encode() for message in without]
    alike: dict[bytes, tuple[Node, ...]] = {}
    for key in Identifier().chain_keys(messages_of(history), SCOPE):
        of_key = tuple(n for n in nodes.values() if n.key == key and n.raw not in lost)
        if of_key:
            alike[key] = of_key
    return Found(alike, conversations)


def of(history: Sequence[Json], known: Found, session: str | None = None) -> Ancestry:
    messages = messages_of(history)
    keys = Identifier().chain_keys(messages, SCOPE)
    return ancestry(messages, keys, known, parse_message, "new", session)


def bytes_at(history: Sequence[Json], got: Ancestry) -> list[Json | None]:
    """The remembered message for each of the history, None if nothing is known or it is not sure."""
    keys = Identifier().chain_keys(messages_of(history), SCOPE)
    return [json.loads(got.sure[key].raw) if key in got.sure else None for key in keys]


ONE, TWO = says("\nHi", "one"), says("Hi  ", "two")


@pytest.mark.parametrize(
    ("history", "turns", "at"),
    [
        pytest.param([S, U, ONE, V], [Turn("a", [S, U], ONE)], 2, id="given"),
        pytest.param([S, U, ONE, V], [Turn("a", [S, U, ONE], TWO)], None, id="sent by a client"),
        pytest.param(
            [S, U, ONE, V],
            [Turn("a", [S, U], ONE), Turn("a", [S, U, says("Hi"), V], TWO)],
            2,
            id="sent without its reasoning since",
        ),
        pytest.param([S, V], [Turn("a", [S, U], ONE)], None, id="behind the difference"),
    ],
)
def test_the_last_reply_is_one_that_a_model_has_given(
    history: Sequence[Json], turns: Sequence[Turn], at: int | None
) -> None:
    keys = Identifier().chain_keys(messages_of(history), SCOPE)

    got = of(history, found(history, *turns))
    assert got.reply == (None if at is None else keys[at])


BARE = says("Hi")
FIRST = Turn("c", [S, U], ONE)
AGAIN = Turn("c", [S, U], TWO)
APART = Turn("d", [S, U], TWO, "d")
ONE_ON = Turn("e", [S, U, ONE, V], says("So\n", "then"))
TWO_ON = Turn("f", [S, U, TWO, W], says("So\n", "therefore"))
CALL, OTHER_CALL = says("Hi", "one", call_id="a"), says("Hi", "two", call_id="b")


class Case(NamedTuple):
    """`expected`: the node of each message; `conversation`: whose the request is, `new` for one of its own."""

    id: str
    turns: Sequence[Turn]
    history: Sequence[Json]
    expected: Sequence[Json | None]
    conversation: str | None
    session: str | None = None
    without: Sequence[Json] = ()


CASES = [
    Case("one-chat", [FIRST], [S, U, BARE, V], [S, U, ONE, None], "c"),
    Case("only-the-system-text", [FIRST], [S, V], [S, None], "c"),
    Case("asked-again", [FIRST], [S, U], [S, U], "c"),
    # Which of two replies: what the client kept tells.
    Case("all-kept", [FIRST, AGAIN], [S, U, ONE, V], [S, U, ONE, None], "new"),
    Case("all-kept-of-the-other", [FIRST, AGAIN], [S, U, TWO, W], [S, U, TWO, None], "new"),
    Case("thought-kept", [FIRST, AGAIN], [S, U, says("Hi", "one"), V], [S, U, ONE, None], "new"),
    Case(
        "thought-kept-in-the-text",
        [FIRST, AGAIN],
        [S, U, says("<think>two</think>Hi"), V],
        [S, U, TWO, None],
        "new",
    ),
    Case("edges-kept", [FIRST, AGAIN], [S, U, says("Hi  "), V], [S, U, TWO, None], "new"),
    Case(
        "ids-kept",
        [Turn("c", [S, U], CALL), Turn("c", [S, U], OTHER_CALL)],
        [S, U, says("Hi", call_id="b"), result("b", "done")],
        [S, U, OTHER_CALL, None],
        "new",
    ),
    Case("nothing-kept", [FIRST, AGAIN], [S, U, BARE, V], [S, U, None, None], "new"),
    Case("nothing-kept-and-equal", [FIRST, Turn("c", [S, U], BARE)], [S, U, BARE, V],
         [S, U, None, None], "new"),
    Case("edited-thought", [FIRST, AGAIN], [S, U, says("Hi", "mine"), V], [S, U, None, None], "new"),
    Case("edited-thought-of-the-only-one", [FIRST], [S, U, says("Hi", "mine"), V],
         [S, U, ONE, None], "c"),
    Case("same-reply-twice", [FIRST, Turn("c", [S, U], ONE)], [S, U, BARE, V],
         [S, U, ONE, None], "c"),
    # The conversation goes on: the node behind the reply tells.
    Case("gone-on", [FIRST, AGAIN, ONE_ON, TWO_ON], [S, U, BARE, V, says("So"), W],
         [S, U, ONE, V, ONE_ON.reply, None], "e"),
    Case("the-other-gone-on", [FIRST, AGAIN, ONE_ON, TWO_ON], [S, U, BARE, W, says("So"), V],
         [S, U, TWO, W, TWO_ON.reply, None], "f"),
    Case("same-second-question", [FIRST, ONE_ON, AGAIN], [S, U, TWO, V], [S, U, TWO, None], "new"),
    Case("same-second-question-nothing-kept", [FIRST, ONE_ON, AGAIN], [S, U, BARE, V],
         [S, U, None, V], "e"),
    Case("sent-without-its-thought", [FIRST, Turn("c", [S, U, BARE, V], says("So"))],
         [S, U, BARE, V, says("So"), W], [S, U, BARE, V, says("So"), None], "c"),
    Case("sent-without-its-thought-and-asked-again",
         [FIRST, Turn("c", [S, U, BARE, V], says("So"))], [S, U, BARE, V], [S, U, None, V], "c"),
    Case("asked-again-with-another-spelling",
         [FIRST, Turn("c", [{**S, "content": "You help.\n"}, U], ONE)], [S, U, BARE, V],
         [{**S, "content": "You help.\n"}, U, ONE, None], "c"),
    Case("asked-by-another-with-another-spelling",
         [FIRST, Turn("d", [{**S, "content": "You help.\n"}, U], ONE)], [S, U, BARE, V],
         [None, U, ONE, None], "d"),
    Case("same-result", [
        Turn("c", [S, U], CALL),
        Turn("d", [S, U], OTHER_CALL),
        Turn("c", [S, U, CALL, result("a", "done")], ONE),
        Turn("d", [S, U, OTHER_CALL, result("b", "done")], ONE),
    ], [S, U, says("Hi", call_id="b"), result("b", "done"), says("Hi"), V],
        [S, U, OTHER_CALL, result("b", "done"), ONE, None], "d"),
    Case("same-result-ids-renamed", [
        Turn("c", [S, U], CALL),
        Turn("d", [S, U], OTHER_CALL),
        Turn("c", [S, U, CALL, result("a", "done")], ONE),
        Turn("d", [S, U, OTHER_CALL, result("b", "done")], ONE),
    ], [S, U, says("Hi", call_id="x"), result("x", "done"), says("Hi"), V],
        [S, U, None, None, ONE, None], "d"),
    # The client's session id.
    Case("session", [Turn("c", [S, U], ONE, "c"), APART], [S, U, BARE, V],
         [S, U, ONE, None], "c", "c"),
    Case("session-of-the-other", [Turn("c", [S, U], ONE, "c"), APART], [S, U, BARE, V],
         [S, U, TWO, None], "d", "d"),
    Case("what-was-kept-tells-more", [Turn("c", [S, U], ONE, "c"), APART], [S, U, ONE, V],
         [S, U, ONE, None], "c", "d"),
    Case("another-session-begins-alike", [Turn("c", [S, U], ONE, "c")], [S, U], [S, U], None, "d"),
    Case("another-session-goes-on", [Turn("c", [S, U], ONE, "c")], [S, U, ONE, V],
         [S, U, ONE, None], "c", "d"),
    Case("a-session-where-none-was", [FIRST], [S, U], [S, U], "c", "d"),
    # Forgotten.
    Case("nothing-known", [], [S, U], [None, None], None),
    Case("a-gap", [FIRST], [S, U, ONE, V], [S, None, ONE, None], "c", without=[U]),
    Case("a-gap-above-which-nobody-knows", [
        Turn("c", [{**S, "name": "a"}, U], ONE), Turn("d", [{**S, "name": "b"}, W], TWO),
    ], [{**S, "name": "a"}, U, ONE, V], [{**S, "name": "a"}, None, ONE, None], "c", without=[U]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_request_goes_on_from_its_own_history(case: Case) -> None:
    got = of(case.history, found(case.history, *case.turns, without=case.without), case.session)

    assert bytes_at(case.history, got) == list(case.expected)
    assert (got.conversation.id if got.conversation else None) == case.conversation
    if case.conversation == "new":
        assert got.conversation is not None
        assert got.conversation.turns == 0


def test_a_reply_with_a_twin_in_another_conversation_stays_in_its_own() -> None:
    """Two chats that began at once: each is known by its own first turn."""
    history = [S, U, ONE, V]

    got = of(history, found(history, FIRST, Turn("d", [S, U], TWO)))

    assert got.conversation is not None
    assert got.conversation.id == "c"


def test_a_conversation_that_the_store_has_lost_is_none() -> None:
    history = [S, U, ONE, V]
    known = found(history, FIRST)

    got = of(history, Found(known.nodes, {}))

    assert got.conversation is None
    assert got.leaf is not None
    assert of(history, NOTHING) is NO_ANCESTRY


def test_above_a_gap_only_what_can_be_is_used() -> None:
    """Two spellings of the head, and the message that would tell which is forgotten."""
    heads = [{**S, "content": f"You help.{edge}"} for edge in ("", "\n")]
    history = [S, U, ONE, V]
    turns = [Turn("c", [heads[0], U], ONE), Turn("d", [heads[1], W], TWO)]

    got = of(history, found(history, *turns, without=[U]))

    assert bytes_at(history, got) == [None, None, ONE, None]
