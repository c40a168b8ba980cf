"""The backend's counts, one meaning each, from whichever object it sent.

"Prompt tokens" has three meanings on one llama-server: `usage.prompt_tokens` is the whole prompt,
`timings.prompt_n` only what was evaluated, `timings.cache_n` what was reused
(tools/server/server-task.cpp:366-371, server-common.cpp:84-88).
"""

from warmprefix.core.types import CacheStats, Reply, StatsSource, Timings, Usage

MOST_TOKENS = 2**31 - 1
"""llama.cpp counts tokens in 32 bits (include/llama.h, `typedef int32_t llama_pos`)."""

LONGEST_MS = 31 * 24 * 3600 * 1000
"""A month: the slowest machine reads its longest prompt in hours."""


def cache_stats(reply: Reply) -> CacheStats:
    """The counts of a reply: from `timings` if it is there, from `usage` for what that leaves out.

    A number that no backend can have counted or measured is taken as not reported.
    """
    usage = _usage(reply.usage or Usage())
    timings = _timings(reply.timings or Timings())
    cached = _first(timings.cache_n, usage.cached_tokens)
    prompt = usage.prompt_tokens
    if prompt is None and timings.cache_n is not None and timings.prompt_n is not None:
        prompt = timings.cache_n + timings.prompt_n
    processed = timings.prompt_n
    if processed is None and prompt is not None and cached is not None:
        processed = max(prompt - cached, 0)
    if cached is None and prompt is not None and processed is not None and processed <= prompt:
        cached = prompt - processed
    return CacheStats(
        prompt_tokens=prompt,
        cached_tokens=cached,
        processed_tokens=processed,
        generated_tokens=_first(timings.predicted_n, usage.completion_tokens),
        prompt_ms=timings.prompt_ms,
        generate_ms=timings.predicted_ms,
        source=_source(reply),
    )


def _usage(usage: Usage) -> Usage:
    return Usage(
        prompt_tokens=_count(usage.prompt_tokens),
        cached_tokens=_count(usage.cached_tokens),
        completion_tokens=_count(usage.completion_tokens),
    )


def _timings(timings: Timings) -> Timings:
    return Timings(
        cache_n=_count(timings.cache_n),
        prompt_n=_count(timings.prompt_n),
        prompt_ms=_duration(timings.prompt_ms),
        predicted_n=_count(timings.predicted_n),
        predicted_ms=_duration(timings.predicted_ms),
    )


def _count(tokens: int | None) -> int | None:
    return tokens if tokens is not None and 0 <= tokens <= MOST_TOKENS else None


def _duration(took_ms: float | None) -> float | None:
    return took_ms if took_ms is not None and 0 <= took_ms <= LONGEST_MS else None


def _source(reply: Reply) -> StatsSource:
    if reply.timings is not None and reply.timings.prompt_n is not None:
        return "timings"
    return "usage" if reply.usage is not None else "none"


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
