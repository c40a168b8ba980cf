"""What replies say of tokens and of time, as they write it."""

import pytest

from tests.dialects.replies import READ_TIMINGS, READ_USAGE, TIMINGS, USAGE
from warmprefix.core.types import LEAST_FOR_A_RATE, Progress, Timings, Usage
from warmprefix.dialects.counts import count, read_metrics, read_progress, read_timings, read_usage

COUNTS = [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None), (None, None)]


@pytest.mark.parametrize(("value", "expected"), COUNTS)
def test_a_count_is_a_whole_number_from_zero_on(value: object, expected: int | None) -> None:
    assert count(value) is expected


USAGES = [
    pytest.param(USAGE, READ_USAGE, id="llama-server"),
    pytest.param({}, Usage(), id="nothing"),
    pytest.param({"prompt_tokens": 0}, Usage(0), id="zero-is-reported"),
    pytest.param({"prompt_tokens": -1, "completion_tokens": True}, Usage(), id="no-counts"),
    pytest.param({"prompt_tokens": 1.0, "completion_tokens": "1"}, Usage(), id="odd-types"),
    pytest.param({"prompt_tokens": 1, "prompt_tokens_details": None}, Usage(1), id="no-details"),
]


@pytest.mark.parametrize(("usage", "expected"), USAGES)
def test_usage_is_read(usage: dict[str, object], expected: Usage) -> None:
    assert read_usage(usage) == expected


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


PROGRESS: dict[str, object] = {"total": 900, "cache": 100, "processed": 300, "time_ms": 50}
PROGRESS_READ = [
    pytest.param(PROGRESS, Progress(900, 100, 200, 50.0), id="processed-has-the-cached"),
    pytest.param({**PROGRESS, "time_ms": None}, None, id="no-time"),
    pytest.param({**PROGRESS, "total": -1}, None, id="no-count"),
    pytest.param({**PROGRESS, "cache": "1"}, None, id="odd-type"),
    pytest.param({**PROGRESS, "processed": 901}, None, id="more-than-all"),
    pytest.param({**PROGRESS, "processed": 99}, None, id="less-than-cached"),
    pytest.param({}, None, id="nothing"),
]


@pytest.mark.parametrize(("progress", "expected"), PROGRESS_READ)
def test_progress_is_read(progress: dict[str, object], expected: Progress | None) -> None:
    assert read_progress(progress) == expected


def test_the_rest_takes_as_long_as_the_beginning() -> None:
    """600 of 800 are left, and 200 took 50 ms; nothing follows from a handful."""
    assert Progress(900, 100, 200, 50.0).rest_s == 0.15
    assert Progress(900, 100, LEAST_FOR_A_RATE - 1, 9.0).rest_s is None
