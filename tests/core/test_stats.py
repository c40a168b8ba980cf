"""One meaning for each count, although one server uses the same words for three."""

from typing import NamedTuple

import pytest

from warmprefix.core.stats import cache_stats
from warmprefix.core.types import Reply, StatsSource, Timings, Usage


class Case(NamedTuple):
    """`counts`: prompt, cached, processed, generated."""

    id: str
    usage: Usage | None
    timings: Timings | None
    counts: tuple[int | None, int | None, int | None, int | None]
    origin: StatsSource
    source: str


CASES = [
    Case(
        "both",
        Usage(618, 617, 8),
        Timings(617, 1, 49.6, 8, 201.9),
        (618, 617, 1, 8),
        "timings",
        "Lemonade with include_usage",
    ),
    Case(
        "only-timings",
        None,
        Timings(586, 32, 1.0, 8, 2.0),
        (618, 586, 32, 8),
        "timings",
        "no include_usage: prompt_n is not the prompt",
    ),
    Case("only-usage", Usage(618, 586, 8), None, (618, 586, 32, 8), "usage", "FastFlowLM; vLLM"),
    Case(
        "usage-without-cached",
        Usage(618, None, 8),
        None,
        (618, None, None, 8),
        "usage",
        "most other backends",
    ),
    Case(
        "nothing-cached-is-zero", Usage(618, 0, 8), None, (618, 0, 618, 8), "usage", "a cold prompt"
    ),
    Case(
        "nothing-reported",
        None,
        None,
        (None, None, None, None),
        "none",
        "a reply cut before its counts",
    ),
    Case(
        "cached-from-the-rest",
        Usage(100, None, 5),
        Timings(None, 30),
        (100, 70, 30, 5),
        "timings",
        "timings before cache_n was added",
    ),
    Case(
        "timings-without-cached",
        None,
        Timings(None, 30),
        (None, None, 30, None),
        "timings",
        "timings before cache_n was added",
    ),
    Case(
        "more-processed-than-there-is",
        Usage(20, None, 5),
        Timings(None, 30),
        (20, None, 30, 5),
        "timings",
        "own: two objects that disagree",
    ),
    Case(
        "more-cached-than-there-is",
        Usage(20, 30, 5),
        None,
        (20, 30, 0, 5),
        "usage",
        "--cache-reuse counts shifted chunks",
    ),
    Case(
        "timings-win",
        Usage(618, 0, 9),
        Timings(617, 1, None, 8),
        (618, 617, 1, 8),
        "timings",
        "own: timings are llama-server's own",
    ),
    Case("empty-timings", Usage(618, 617, 8), Timings(), (618, 617, 1, 8), "usage", "own"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_counts_keep_their_meaning(case: Case) -> None:
    stats = cache_stats(Reply(usage=case.usage, timings=case.timings))

    assert case.counts == (
        stats.prompt_tokens,
        stats.cached_tokens,
        stats.processed_tokens,
        stats.generated_tokens,
    )
    assert stats.source == case.origin


def test_durations_are_those_of_timings() -> None:
    stats = cache_stats(Reply(timings=Timings(1, 2, 3.5, 4, 5.5)))

    assert (stats.prompt_ms, stats.generate_ms) == (3.5, 5.5)


MOST = 2**31 - 1
ODD_COUNTS = [-1, -(2**63), 2**31, 2**63, 2**64, 10**400]
ODD_TIMES = [-1.0, float("nan"), float("inf"), float("-inf"), 1e308, -1e-310, 3e9]


@pytest.mark.parametrize("count", ODD_COUNTS)
def test_a_count_that_no_backend_can_have_is_not_reported(count: int) -> None:
    """llama.cpp counts tokens in 32 bits (include/llama.h, `typedef int32_t llama_pos`)."""
    timings = Timings(count, count, 1.0, count, 1.0)
    usage = Usage(count, count, count)

    assert cache_stats(Reply(timings=timings)).prompt_tokens is None
    for reply in (Reply(timings=timings), Reply(usage=usage), Reply(usage=usage, timings=timings)):
        stats = cache_stats(reply)
        assert (stats.prompt_tokens, stats.cached_tokens) == (None, None)
        assert (stats.processed_tokens, stats.generated_tokens) == (None, None)


def test_what_one_object_cannot_have_counted_is_taken_from_the_other() -> None:
    stats = cache_stats(Reply(usage=Usage(40, 30, 5), timings=Timings(2**63, -3, 1.0, 2**63, 1.0)))

    assert (stats.prompt_tokens, stats.cached_tokens) == (40, 30)
    assert (stats.processed_tokens, stats.generated_tokens) == (10, 5)


def test_the_largest_count_is_one() -> None:
    stats = cache_stats(Reply(usage=Usage(MOST, 0, MOST)))

    assert (stats.prompt_tokens, stats.processed_tokens) == (MOST, MOST)


@pytest.mark.parametrize("took_ms", ODD_TIMES)
def test_a_time_that_nothing_can_have_taken_is_not_reported(took_ms: float) -> None:
    stats = cache_stats(Reply(timings=Timings(1, 2, took_ms, 4, took_ms)))

    assert (stats.prompt_ms, stats.generate_ms) == (None, None)


@pytest.mark.parametrize("took_ms", [0.0, 1e-310, 2_678_400_000.0])
def test_a_time_may_be_very_short_or_very_long(took_ms: float) -> None:
    assert cache_stats(Reply(timings=Timings(1, 2, took_ms))).prompt_ms == took_ms
