"""llama-server's `timings`, vLLM's `metrics`."""

import pytest

from tests.dialects.replies import READ_TIMINGS, TIMINGS
from warmprefix.core.types import Timings
from warmprefix.dialects.timings import read_metrics, read_timings

TIMINGS_READ = [
    pytest.param(TIMINGS, READ_TIMINGS, id="llama-server"),
    pytest.param({}, Timings(), id="nothing"),
    pytest.param({"prompt_ms": "1", "predicted_ms": True}, Timings(), id="odd-types"),
    pytest.param({"prompt_ms": 0, "cache_n": 0}, Timings(0, prompt_ms=0.0), id="zero-is-reported"),
]


@pytest.mark.parametrize(("timings", "expected"), TIMINGS_READ)
def test_timings_are_read(timings: dict[str, object], expected: Timings) -> None:
    assert read_timings(timings) == expected


METRICS_READ = [
    pytest.param(
        {"time_to_first_token_ms": 85.2, "generation_time_ms": 1240, "queue_time_ms": 12.3},
        Timings(prompt_ms=85.2, predicted_ms=1240.0),
        id="vllm",
    ),
    pytest.param(
        {"time_to_first_token_ms": None, "generation_time_ms": None}, Timings(), id="null"
    ),
]


@pytest.mark.parametrize(("metrics", "expected"), METRICS_READ)
def test_metrics_are_read(metrics: dict[str, object], expected: Timings) -> None:
    assert read_metrics(metrics) == expected
