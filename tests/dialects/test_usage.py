"""OpenAI's `usage`."""

import pytest

from tests.dialects.replies import READ_USAGE, USAGE
from warmprefix.core.types import Usage
from warmprefix.dialects.usage import read_usage

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
