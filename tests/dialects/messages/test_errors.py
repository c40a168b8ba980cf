"""The backend's error for a prompt that is too long, in Anthropic's words."""

import json

import pytest

from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.messages.errors import prompt_too_long

TOO_LONG = {
    "code": 400,
    "message": "request (20009 tokens) exceeds the available context size (8192 tokens)",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 20009,
    "n_ctx": 8192,
}


def test_a_prompt_that_is_too_long_is_worded_as_anthropic_does() -> None:
    found = json.loads(prompt_too_long(json.dumps({"error": TOO_LONG}).encode()))

    assert found == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "prompt is too long: 20009 tokens > 8192 maximum",
        },
    }


OTHERS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"too long", id="no-json"),
    pytest.param(b"[]", id="array"),
    pytest.param(b'{"error":"too long"}', id="text"),
    pytest.param(json.dumps({"error": {**TOO_LONG, "type": "x"}}).encode(), id="another-type"),
    pytest.param(json.dumps({"error": {**TOO_LONG, "n_ctx": None}}).encode(), id="no-limit"),
    pytest.param(
        json.dumps({"error": {**TOO_LONG, "n_prompt_tokens": "5"}}).encode(), id="no-count"
    ),
]


@pytest.mark.parametrize("body", OTHERS)
def test_any_other_error_is_left_alone(body: bytes) -> None:
    assert prompt_too_long(body) is body


def test_only_a_bad_request_is_looked_at() -> None:
    assert MESSAGES.backend_error(400) is prompt_too_long
    assert MESSAGES.backend_error(500) is None
