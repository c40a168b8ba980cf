"""A turn as the record that the log, the interface and the metrics share."""

from dataclasses import replace

import orjson
import pytest

from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.hint import nothing
from warmprefix.core.explain.prefix import Prefix
from warmprefix.core.memory.ledger import Place
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Kind, Outcome
from warmprefix.log.record import record_of
from warmprefix.log.writer import FIELDS

EMPTY = Turn(
    id="t1",
    client="unknown",
    endpoint="/v1/chat/completions",
    model=None,
    stream=False,
    status=None,
    outcome=Outcome.BACKEND_UNREACHABLE,
    kind=None,
    place=None,
    prefix=None,
    prompt_characters=None,
    rules=(),
    restored=(),
    stats=CacheStats(),
    times=Times(1_795_494_234.5678, 12.34567, 0.1, None),
)
FULL = replace(
    EMPTY,
    client="hermes",
    model="m",
    stream=True,
    status=200,
    outcome=Outcome.OK,
    kind=Kind.APPEND,
    place=Place("c1", 3, "t0", Kind.APPEND, 5),
    prefix=Prefix(5, 700),
    prompt_characters=900,
    rules=("null-fields",),
    restored=("arguments",),
    stats=CacheStats(700, 650, 50, 8, 12.5, 80.25, "timings"),
    times=Times(1_795_494_234.0, 200.0, 0.5, 99.99949),
)


def test_a_record_has_the_fields_of_the_log_and_no_others() -> None:
    assert tuple(record_of(FULL)) == FIELDS
    assert tuple(record_of(EMPTY)) == FIELDS


def test_a_full_turn() -> None:
    told = {
        "time": "2026-11-24T04:23:54.000Z",
        "turn": "t1",
        "conversation": "c1",
        "index": 3,
        "parent": "t0",
        "client": "hermes",
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "stream": True,
        "status": 200,
        "outcome": "ok",
        "kind": "append",
        "prompt_tokens": 700,
        "cached_tokens": 650,
        "processed_tokens": 50,
        "generated_tokens": 8,
        "cache_ratio": 0.9286,
        "prefix_messages": 5,
        "prefix_characters": 700,
        "prompt_characters": 900,
        "rules": ["null-fields"],
        "restored": ["arguments"],
        "ttft_ms": 99.999,
        "prompt_ms": 12.5,
        "generate_ms": 80.25,
        "total_ms": 200.0,
        "proxy_ms": 0.5,
    }

    assert record_of(FULL).items() >= told.items()


def test_the_text_around_a_break_is_shown_only_when_asked_for() -> None:
    """It is the user's prompt; the place and the cause of the break are always told."""
    found = CacheBreak(
        *("whitespace", "messages[1].content", 7, "whitespace", "old", "new"),
        *(50, 0.5, "client", nothing("it is so")),
    )
    turn = replace(FULL, cache_break=found)
    plain, shown = record_of(turn)["break"], record_of(turn, excerpts=True)["break"]

    assert isinstance(shown, dict)
    assert (shown["before"], shown["after"]) == ("old", "new")
    assert plain == {**shown, "before": None, "after": None}
    assert shown["path"] == "messages[1].content"


def test_the_title_is_text_of_the_user_too() -> None:
    turn = replace(FULL, title="Fix the build")

    assert record_of(turn)["title"] is None
    assert record_of(turn, excerpts=True)["title"] == "Fix the build"


def test_what_is_not_known_is_null_and_never_zero() -> None:
    shown = record_of(EMPTY)
    known = {name for name, value in shown.items() if value not in (None, [])}

    assert known == {
        *("time", "turn", "client", "endpoint", "stream", "outcome", "total_ms", "proxy_ms"),
    }


@pytest.mark.parametrize(
    ("stats", "ratio"),
    [
        (CacheStats(100, 0, 100), 0.0),
        (CacheStats(3, 2, 1), 0.6667),
        (CacheStats(200, 50), 0.25),
        (CacheStats(0, 0, 0), None),
        (CacheStats(100, None, None), None),
        (CacheStats(None, 5, None), None),
    ],
)
def test_the_cached_share_needs_both_counts(stats: CacheStats, ratio: float | None) -> None:
    assert record_of(replace(EMPTY, stats=stats))["cache_ratio"] == ratio


def test_a_time_is_in_utc_to_the_millisecond() -> None:
    assert record_of(EMPTY)["time"] == "2026-11-24T04:23:54.567Z"


def test_a_record_is_json() -> None:
    assert orjson.loads(orjson.dumps(record_of(FULL)))["turn"] == "t1"
