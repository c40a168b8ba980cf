"""Where a request stands among the conversations that are remembered."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from warmprefix.core.memory.ledger import (
    NO_ANCESTRY,
    Ancestry,
    Conversation,
    Node,
    Place,
    kind_of,
    known_messages,
    place,
)
from warmprefix.core.types import Kind, Prompt, RawJson, Tool

TOOL = Tool("f", RawJson(b'{"name":"f"}'))
OPTIONS = {"tool_choice": RawJson(b'"auto"')}


def keys(text: str) -> list[bytes]:
    """One key a letter."""
    return [letter.encode() for letter in text]


def found(nodes: str, sent: str, reply: str = "", turns: int = 3) -> Ancestry:
    """A store that knows the messages `nodes`, and a conversation whose last turn sent `sent`."""
    last = Conversation(
        id="c",
        turns=turns,
        turn="t9",
        model="m",
        tip=keys(sent)[-1],
        messages=len(sent),
        reply=reply.encode() or None,
        tools=(TOOL.definition,),
        options=OPTIONS,
    )
    return Ancestry(
        {
            key: Node(key, key, b"", RawJson(b"{}"), False, "c", f"t-{key.decode()}")
            for key in keys(nodes)
        },
        last,
    )


PROMPT = Prompt((), (TOOL,), OPTIONS)
NEW = Place("new", 0, None, Kind.COLD, 0)


def known(kind: Kind, parent: str, count: int) -> Place:
    return Place("c", 3, f"t-{parent}", kind, count)


class Case(NamedTuple):
    """`history`: one letter a message, S the system text, u and v users."""

    id: str
    history: str
    found: Ancestry
    expected: Place
    prompt: Prompt = PROMPT


CASES = [
    Case("nothing-remembered", "Su", NO_ANCESTRY, NEW),
    Case("only-the-system-text", "Sv", found("Sua", "Su", "a"), NEW),
    Case("nodes-without-a-conversation", "Su", Ancestry(found("Su", "Su").nodes, None), NEW),
    Case("next-turn", "Suav", found("Sua", "Su", "a"), known(Kind.APPEND, "a", 3)),
    Case("reply-as-last-message", "Sua", found("Sua", "Su", "a"), known(Kind.APPEND, "a", 3)),
    Case("reply-that-was-not-read", "Suxv", found("Su", "Su"), known(Kind.APPEND, "u", 2)),
    Case("same-again", "Su", found("Sua", "Su", "a"), known(Kind.RETRY, "u", 2)),
    Case("last-turn-again", "Su", found("Suavb", "Suav", "b"), known(Kind.RETRY, "u", 2)),
    Case("reply-edited", "Suxv", found("Sua", "Su", "a"), known(Kind.EDIT, "u", 2)),
    Case("question-edited", "Suaw", found("Suavb", "Suav", "b"), known(Kind.EDIT, "a", 3)),
    Case(
        "history-shortened",
        "Sux",
        found("Suavbwcyd", "Suavbwcy", "d"),
        known(Kind.COMPACTION, "u", 2),
    ),
    Case("gap-in-memory", "Suav", found("Sv", "Suav"), known(Kind.RETRY, "v", 4)),
    Case(
        "tool-gone",
        "Suav",
        found("Sua", "Su", "a"),
        known(Kind.TOOLS_CHANGED, "a", 3),
        Prompt((), None, OPTIONS),
    ),
    Case(
        "tool-added",
        "Suav",
        found("Sua", "Su", "a"),
        known(Kind.TOOLS_CHANGED, "a", 3),
        Prompt((), (TOOL, TOOL), OPTIONS),
    ),
    Case(
        "option-gone",
        "Suav",
        found("Sua", "Su", "a"),
        known(Kind.TEMPLATE_OPTIONS_CHANGED, "a", 3),
        Prompt((), (TOOL,)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_request_has_its_place(case: Case) -> None:
    first_user = 1

    found = place(keys(case.history), first_user, case.found, "new")
    kind = kind_of(found, case.found.conversation, case.prompt)

    assert replace(found, kind=kind) == case.expected


KNOWN = [
    pytest.param("", "", 0, id="nothing"),
    pytest.param("ab", "", 0, id="all-new"),
    pytest.param("ab", "a", 1, id="a-part"),
    pytest.param("ab", "ab", 2, id="all"),
    pytest.param("abc", "b", 2, id="older-ones-forgotten"),
    pytest.param("a", "ab", 1, id="more-than-asked"),
]


@pytest.mark.parametrize(("history", "nodes", "expected"), KNOWN)
def test_known_messages_end_at_the_deepest(history: str, nodes: str, expected: int) -> None:
    assert known_messages(keys(history), found(nodes, "x").nodes) == expected
