"""A replayed session in words and as JSON lines."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.request_stages import written
from warmprefix.capture.line import Captured
from warmprefix.capture.replay import Step, Without
from warmprefix.cli.replay_text import json_lines, reach, reach_lines, table, text_lines, total_line
from warmprefix.core.explain.saving import Reach, WouldSave
from warmprefix.core.memory.ledger import Place
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Kind, Outcome
from warmprefix.pipeline.observe import Compared

CAPTURED = Captured(
    "2026-03-01T12:00:00Z", "t", "/v1/chat/completions", {}, 200, "ok", True, CacheStats(), b"", b""
)
TURN = Turn(
    *("t", "test", "/v1/chat/completions", "m", False, 200, Outcome.OK, None, None, None, None),
    *((), (), CacheStats(100, 40, 60, 5), Times(0.0, 0.0, 0.0, None)),
)
DIRECT, THROUGH = Reach(1, 400, 1000), Reach(3, 900, 1000)
COMPARED = Compared(DIRECT, THROUGH)


def step(
    *,
    saved: int | None = None,
    before: int | None = 0,
    compared: Compared | None = COMPARED,
    as_received: bool = True,
    rules: tuple[str, ...] = (),
    restored: tuple[str, ...] = (),
) -> Step:
    """A turn of which `saved` tokens would have been saved."""
    saving = None if saved is None else WouldSave(saved, True)
    came = written(b'{"messages":[]}', Place("t", 0, None, Kind.COLD, 0), ())
    outgoing = replace(came, rules=rules, restored=restored) if compared else None
    captured = replace(CAPTURED, as_received=as_received)
    return Step(captured, replace(TURN, would_save=saving), outgoing, None, before, compared)


def plain(one: Step) -> list[str]:
    return [line.plain for line in reach_lines(one)]


def test_how_far_a_prompt_goes_on_is_told_in_messages_and_characters() -> None:
    assert reach(Reach(1, 9300, 9400)) == "1 message the same, 9,300 of 9,400 characters"
    assert reach(Reach(12, 0, 0)) == "12 messages the same, 0 of 0 characters"


LINES: list[tuple[str, Step, list[str]]] = [
    ("first-turn", step(before=None), []),
    ("odd-body", step(compared=None), ["    not understood: it goes to the backend unchanged"]),
    ("nothing-saved", step(saved=0), [
        "    as sent  1 message the same, 400 of 1,000 characters",
        "    through  3 messages the same, 900 of 1,000 characters"]),
    ("saved", step(saved=1234), [
        "    as sent  1 message the same, 400 of 1,000 characters",
        "    through  3 messages the same, 900 of 1,000 characters  saves about 1,234 tokens"]),
    ("by-what", step(rules=("key-order",), restored=("content",)), [
        "    as sent  1 message the same, 400 of 1,000 characters",
        "    through  3 messages the same, 900 of 1,000 characters",
        "    by       key-order, restored content"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "lines"), [row[1:] for row in LINES], ids=[row[0] for row in LINES]
)
def test_under_a_turn_stands_what_carries_it_further(one: Step, lines: list[str]) -> None:
    assert plain(one) == lines


TOTALS: list[tuple[str, list[Step], str]] = [
    ("none", [], "0 turns: 0 characters to evaluate as sent, 0 through the proxy"),
    (
        "saved",
        [step(saved=30), step(saved=None)],
        "2 turns: 1,200 characters to evaluate as sent, 200 through the proxy; of 120 processed tokens "
        "about 30 (25.0%, estimated) would be saved",
    ),
    (
        "captured-with-the-proxy-at-work",
        [step(saved=30), step(saved=None, as_received=False)],
        "2 turns: 1,200 characters to evaluate as sent, 200 through the proxy; 120 tokens processed with "
        "the proxy at work, about 30 saved (estimated)",
    ),
    (
        "odd-body",
        [step(compared=None)],
        "1 turn: 0 characters to evaluate as sent, 0 through the proxy; of 60 processed tokens about 0 "
        "(0.0%, estimated) would be saved",
    ),
]


@pytest.mark.parametrize(
    ("steps", "line"), [row[1:] for row in TOTALS], ids=[row[0] for row in TOTALS]
)
def test_the_total_is_the_sum_of_the_turns(steps: list[Step], line: str) -> None:
    assert total_line(steps) == line


def test_a_table_tells_what_each_rule_does_alone() -> None:
    rows = [Without("key-order", 2, 12345, 678), Without("the ledger", 1, 9, None)]

    assert [line.plain for line in table([])] == ["", "no rule acted, nothing was restored"]
    assert [line.plain.split() for line in table(rows)][2:] == [
        ["key-order", "12,345", "678", "2"],
        ["the", "ledger", "9", "–", "1"],
    ]


def test_the_text_ends_with_the_total_and_the_table() -> None:
    without = [line.plain for line in text_lines([step()], None, coloured=False)]
    both = [line.plain for line in text_lines([step()], [], coloured=False)]

    assert without[-2:] == ["", total_line([step()])]
    assert both == [*without, "", "no rule acted, nothing was restored"]


def lines(steps: list[Step], rows: list[Without] | None) -> list[Any]:
    return [json.loads(line) for line in json_lines(steps, rows)]


def test_as_json_there_is_an_object_a_turn_and_one_for_the_total() -> None:
    first, second, last = lines([step(saved=30), step(compared=None)], None)

    assert first["direct"] == {"messages": 1, "characters": 400, "total": 1000}
    assert first["through"]["characters"] == 900
    assert (second["direct"], second["through"]) == (None, None)
    assert last["total"] == {
        "turns": 2,
        "processed_tokens": 120,
        "saved_tokens": 30,
        "estimated": True,
        "reuse": 0.9,
        "breaks": 0,
        "lost_tokens": 0,
        "causes": {},
    }


def test_rules_are_in_the_total_if_they_were_asked_for() -> None:
    (total,) = lines([], [Without("key-order", 2, 9, None)])

    row = {"name": "key-order", "turns": 2, "characters": 9, "tokens": None}
    assert total["total"]["without"] == [row]
