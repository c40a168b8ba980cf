"""How long a reply took, by the backend's own clock: llama-server's `timings` and vLLM's `metrics`."""

from collections.abc import Mapping

from warmprefix.core.types import Progress, Timings
from warmprefix.dialects.numbers import count


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
