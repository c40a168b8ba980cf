"""llama-server's `timings`, which replies of more than one endpoint have."""

from collections.abc import Mapping

from warmprefix.core.types import Timings
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


def _milliseconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
