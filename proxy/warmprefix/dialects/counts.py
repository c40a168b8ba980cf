"""What replies say of tokens and of time: OpenAI's `usage`, llama-server's `timings` and `prompt_progress`, and
vLLM's `metrics`. What is no count is not reported.
"""

from collections.abc import Mapping

from warmprefix.core.types import Progress, Timings, Usage


def count(value: object) -> int | None:
    """A count of tokens; None if it is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count and isinstance(value, int) else None


def read_usage(
    usage: Mapping[str, object],
    prompt: str = "prompt_tokens",
    completion: str = "completion_tokens",
) -> Usage:
    """The `usage` object (tools/server/server-task.cpp:365-372). Absent counts are None.

    `prompt` and `completion` are what the API calls the tokens of each.
    """
    details = usage.get(f"{prompt}_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=count(usage.get(prompt)),
        cached_tokens=count(cached),
        completion_tokens=count(usage.get(completion)),
    )


def read_timings(timings: Mapping[str, object]) -> Timings:
    """The `timings` object (tools/server/server-common.cpp:84-105). Absent counts are None."""
    return Timings(
        cache_n=count(timings.get("cache_n")),
        prompt_n=count(timings.get("prompt_n")),
        prompt_ms=_milliseconds(timings.get("prompt_ms")),
        predicted_n=count(timings.get("predicted_n")),
        predicted_ms=_milliseconds(timings.get("predicted_ms")),
    )


def read_metrics(metrics: Mapping[str, object]) -> Timings:
    """vLLM's `metrics` object, if it was started with --enable-per-request-metrics: the time from when the
    request was scheduled to the first token, and from there to the last. Source:
    https://docs.vllm.ai/en/latest/features/per_request_metrics/."""
    return Timings(
        prompt_ms=_milliseconds(metrics.get("time_to_first_token_ms")),
        predicted_ms=_milliseconds(metrics.get("generation_time_ms")),
    )


def read_progress(progress: Mapping[str, object]) -> Progress | None:
    """llama-server's `prompt_progress` object, whose `processed` contains the cached tokens
    (tools/server/server-task.cpp); None if something of it is missing or cannot be."""
    total, cached, done = (count(progress.get(name)) for name in ("total", "cache", "processed"))
    spent = _milliseconds(progress.get("time_ms"))
    if total is None or cached is None or done is None or spent is None:
        return None
    return Progress(total, cached, done - cached, spent) if cached <= done <= total else None


def _milliseconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
