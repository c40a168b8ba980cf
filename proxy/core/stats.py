"""The backend's counts as one meaning each, from whichever object it sent.

"Prompt tokens" has three meanings on one llama-server: `usage.prompt_tokens` is the whole prompt,
`timings.prompt_n` only what was evaluated, `timings.cache_n` what was reused
(tools/server/server-task.cpp:366-371, server-common.cpp:84-88).
"""

from proxy.core.types import CacheStats, Reply, StatsSource, Timings, Usage


def cache_stats(reply: Reply) -> CacheStats:
    """The counts of a reply: `timings` where they are, `usage` for what they leave out."""
    usage = reply.usage or Usage()
    timings = reply.timings or Timings()
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


def cache_ratio(stats: CacheStats) -> float | None:
    """Cached share of the prompt, 0 to 1; None where either count was not reported."""
    if stats.cached_tokens is None or not stats.prompt_tokens:
        return None
    return stats.cached_tokens / stats.prompt_tokens


def _source(reply: Reply) -> StatsSource:
    if reply.timings is not None and reply.timings.prompt_n is not None:
        return "timings"
    return "usage" if reply.usage is not None else "none"


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
