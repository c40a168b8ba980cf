"""A break as a person reads it, line by line."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import pytest

from warmprefix.cli.explain_text import advice, below, explained

Record = Mapping[str, Any]

BREAK: Record = {
    "kind": "edit",
    "path": "messages[0].content",
    "offset": 1204,
    "cause": "clock",
    "before": "…It is 12:01:33. Be brief…",
    "after": "…It is 12:04:31. Be brief…",
    "tokens_lost": 11900,
    "seconds_lost": 23.84,
    "side": "client",
    "hint": {
        "where": "setting",
        "text": "keeps the time first seen",
        "paste": '[canonicalize]\nenable = ["hermes:freeze-volatile"]',
        "place": "warmprefix.toml",
        "command": "warmprefix config set canonicalize.enable +hermes:freeze-volatile",
        "saves_tokens": 11900,
        "source": None,
    },
}
TURN: Record = {
    "time": "2026-03-01T12:04:31.250Z",
    "turn": "5b1c88f0a2d4",
    "conversation": "3f9c2a81d07e",
    "index": 4,
    "client": "hermes",
    "status": 200,
    "outcome": "ok",
    "kind": "edit",
    "prompt_tokens": 12034,
    "cached_tokens": 120,
    "processed_tokens": 11914,
    "cache_ratio": 0.00997,
    "break": BREAK,
}


def text_of(**changed: object) -> list[str]:
    lines = explained({**TURN, **changed}, coloured=False, zone=UTC)
    return [line.plain for line in lines]


def test_a_break_answers_every_question() -> None:
    assert text_of() == [
        "turn 5b1c88f0a2d4  12:04:31  hermes, conversation 3f9c2a81d07e, turn 5 of it (edit)",
        "where    messages[0].content, character 1,204",
        "before   …It is [-12:01:33-]. Be brief…",
        "after    …It is {+12:04:31+}. Be brief…",
        "why      a clock in the prompt shows another time (clock)",
        "cost     11,900 tokens evaluated again, 23.8 s",
        "who      the client, which sent a different prompt",
        "to do    warmprefix config set canonicalize.enable +hermes:freeze-volatile",
        "         or in warmprefix.toml, beside what is there:",
        "           [canonicalize]",
        '           enable = ["hermes:freeze-volatile"]',
        "         keeps the time first seen",
        "         It would have saved about 11,900 tokens in this turn.",
    ]


CHANGED = [
    pytest.param({"before": None, "after": None}, "log.excerpts = true shows it", id="no-excerpts"),
    pytest.param({"before": None}, "before   (nothing)", id="nothing-before"),
    pytest.param({"after": None}, "after    (nothing)", id="nothing-after"),
    pytest.param({"tokens_lost": None}, "not reported by the backend", id="no-counts"),
    pytest.param({"seconds_lost": None}, "11,900 tokens evaluated again", id="no-rate"),
    pytest.param(
        {"evicted_tokens": 4000},
        "11,900 tokens evaluated again, 23.8 s; 4,000 of them stand in front of what has changed",
        id="evicted-too",
    ),
    pytest.param(
        {"tokens_lost": 2, "seconds_lost": None, "evicted_tokens": 1},
        "2 tokens evaluated again; 1 of them stands in front",
        id="one-evicted",
    ),
    pytest.param({"tokens_lost": 1}, "cost     1 token evaluated again", id="one-token"),
    pytest.param(
        {"hint": {**BREAK["hint"], "saves_tokens": 1}},
        "saved about 1 token in this",
        id="saves-one",
    ),
    pytest.param({"tokens_lost": 0}, "cost nothing", id="no-cost"),
    pytest.param({"path": None}, "nowhere in the prompt", id="backend"),
    pytest.param({"offset": None}, "where    messages[0].content", id="no-offset"),
    pytest.param({"hint": "client: stop that"}, "to do    client: stop that", id="older-log"),
    pytest.param({"hint": {"text": "nothing can be"}}, "to do    nothing can be", id="no-cure"),
    pytest.param(
        {"hint": {"text": "t", "paste": "X=0", "place": "Claude Code: environment"}},
        "to do    in Claude Code: environment:\n           X=0\n         t",
        id="client",
    ),
    pytest.param({"hint": {"paste": "X=0", "source": "a page"}}, "Source: a page", id="source"),
    pytest.param({"side": "template"}, "the model's chat template", id="template"),
    pytest.param({"side": "moon", "cause": "new"}, "why      new (new)", id="unheard-of"),
    pytest.param({"path": "a\x1b[2J"}, "where    a�[2J, character", id="cannot-steer-a-terminal"),
]


@pytest.mark.parametrize(("changed", "part"), CHANGED)
def test_a_line_of_a_break_shows(changed: Record, part: str) -> None:
    assert part in "\n".join(text_of(**{"break": {**BREAK, **changed}}))


def test_a_backend_break_has_no_text_and_no_word_about_it() -> None:
    gone = {**BREAK, "path": None, "offset": None, "before": None, "after": None}

    assert "log.excerpts" not in "\n".join(text_of(**{"break": gone}))


def test_a_proxy_that_observes_is_to_be_served() -> None:
    saving = {"tokens": 11800, "estimated": True, "rules": [], "restored": ["content"]}

    lines = text_of(would_save=saving)
    todo = "to do    serve without --observe, which would have saved about 11,800 tokens"
    at = lines.index(todo)
    # What a setting of ours would keep besides stands below; what else could be done does not.
    assert lines[at + 1] == (
        "to do    warmprefix config set canonicalize.enable +hermes:freeze-volatile"
    )
    flag = {**BREAK["hint"], "command": None}
    assert text_of(would_save=saving, **{"break": {**BREAK, "hint": flag}})[-1] == todo
    assert "would have saved about 1 token" in text_of(would_save={**saving, "tokens": 1})[at]
    assert text_of(would_save={**saving, "tokens": 0}) == text_of()


UNBROKEN = [
    pytest.param({}, "Nothing broke. 120 of 12,034 prompt tokens were reused (0.9%), 11,914", id="ok"),
    pytest.param({"cached_tokens": 1}, "1 of 12,034 prompt tokens was reused", id="one-reused"),
    pytest.param({"put_back_tokens": 1}, "put back 1 token of the prompt", id="one-put-back"),
    pytest.param({"prewarmed_tokens": 1}, "ahead    1 token was evaluated before", id="one-ahead"),
    pytest.param({"kind": "cold"}, "The first turn of its conversation", id="first"),
    pytest.param({"kind": "side"}, "A side request, not part of the conversation.", id="side"),
    pytest.param({"kind": None}, "was not understood and went to the backend", id="odd"),
    pytest.param({"cached_tokens": None}, "did not report what it reused", id="no-counts"),
    pytest.param({"cache_ratio": None}, "tokens were reused, 11,914", id="no-ratio"),
    pytest.param({"outcome": "backend_error", "status": 503}, "It failed (backend_error 503)",
                 id="failed"),
    pytest.param({"status": 400}, "It failed (ok 400)", id="refused"),
    pytest.param({"prewarmed_tokens": 2611}, "ahead    2,611 tokens were evaluated before it came",
                 id="read-ahead"),
    pytest.param({"put_back_tokens": 2611}, "put back 2,611 tokens of the prompt, estimated: text that",
                 id="put-back"),
    pytest.param({"error": "too\nlong"}, "error    too�long", id="error"),
    pytest.param({"index": None}, "conversation 3f9c2a81d07e (edit)", id="no-index"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "part"), UNBROKEN)
def test_a_turn_without_a_break_says_what_was_reused(changed: Record, part: str) -> None:
    assert part in "\n".join(text_of(**{"break": None, **changed}))


def under(record: Record, *, coloured: bool = False) -> list[str]:
    to_do = advice(record, with_id=True)
    return [line.plain for line in below(record, coloured=coloured, advice=to_do)]


def test_under_a_line_stand_place_cause_cost_change_and_what_to_do() -> None:
    assert under(TURN) == [
        "    messages[0].content, character 1,204: a clock in the prompt shows another time"
        " (11,900 tokens evaluated again, 23.8 s; client)",
        "    - …It is [-12:01:33-]. Be brief…",
        "    + …It is {+12:04:31+}. Be brief…",
        "    → warmprefix config set canonicalize.enable +hermes:freeze-volatile"
        "   (warmprefix explain 5b1c88f0a2d4)",
    ]


def test_under_a_line_without_excerpts_stand_two_and_without_a_break_none() -> None:
    gone = {**TURN, "break": {**BREAK, "before": None, "after": None}}

    assert len(under(gone)) == 2
    assert under({**TURN, "break": None}) == []
    assert advice({**TURN, "break": None}) is None


@pytest.mark.parametrize(
    ("hint", "line"),
    [
        ("as it was said once", "    → as it was said once"),
        ({"paste": "--swa-full", "place": "there"}, "    → --swa-full   in there"),
        ({"text": "nothing can be done"}, "    → nothing can be done"),
    ],
)
def test_what_to_do_fits_a_line(hint: object, line: str) -> None:
    shown = advice({**TURN, "break": {**BREAK, "hint": hint}})

    assert shown is not None
    assert shown.plain == line
