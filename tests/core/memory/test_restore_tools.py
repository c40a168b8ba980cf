"""Known tools keep their order and bytes; new ones come behind them; removed ones are gone."""

from dataclasses import dataclass

import pytest

from warmprefix.core.identity.keys import tool_key
from warmprefix.core.memory.restore_tools import restore_tools, with_first_descriptions
from warmprefix.core.types import RawJson, Tool


def tool(name: str, body: str = "1") -> Tool:
    return Tool(name, RawJson(f'{{"n":"{name}","b":{body}}}'.encode()))


A, B, C = tool("a"), tool("b"), tool("c")
B2 = tool("b", "2")
B_SPACED = Tool("b", RawJson(b'{"b": 1, "n": "b"}'))


@dataclass(frozen=True)
class Case:
    id: str
    known: tuple[Tool, ...]
    offered: tuple[Tool, ...]
    sent: tuple[Tool, ...]


CASES = (
    Case("nothing-known", (), (B, A), (B, A)),
    Case("same", (A, B), (A, B), (A, B)),
    Case("shuffled", (A, B, C), (C, A, B), (A, B, C)),
    Case("first-seen-bytes", (A, B), (B_SPACED, A), (A, B)),
    Case("new-behind", (A, B), (C, B, A), (A, B, C)),
    Case("removed", (A, B, C), (C, A), (A, C)),
    Case("changed-in-place", (A, B, C), (C, B2, A), (A, B2, C)),
    Case("twice-known-once-offered", (A, A), (A,), (A,)),
    Case("offered-twice", (A, B), (B, A, A), (A, B, A)),
    Case("changed-name-offered-twice", (A, B), (B2, B2, A), (A, B2, B2)),
    Case("changed-name-known-twice", (B, B, A), (A, B2), (B2, A)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_tools_go_out_in_first_seen_order(case: Case) -> None:
    keys, known_keys = ([tool_key(t) for t in tools] for tools in (case.offered, case.known))

    sent = restore_tools(case.offered, keys, case.known, known_keys)

    assert sent == case.sent


def test_tools_that_need_nothing_are_the_same_object() -> None:
    offered = (A, B)

    sent = restore_tools(offered, [b"a", b"b"], (A, B), [b"a", b"b"])

    assert sent is offered
    assert with_first_descriptions(offered, [*offered]) is offered


def described(name: str, text: str) -> Tool:
    return Tool(name, RawJson(f'{{"n":"{name}","description":"{text}"}}'.encode()))


def test_descriptions_first_seen_are_kept() -> None:
    known = (described("a", "Plan."), described("b", "Ask."))

    assert (
        with_first_descriptions((described("b", "New."), described("a", "Build.")), known) == known
    )


def test_other_tools_keep_their_descriptions() -> None:
    offered = (described("a", "Build."), described("c", "New."))

    assert with_first_descriptions(offered, (described("a", "Plan."), B)) is offered
    assert with_first_descriptions(offered, ()) is offered
