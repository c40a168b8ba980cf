"""The name of a tool result is no part of what it is."""

import json
from typing import Any

import pytest

from tests.builders import result, user
from warmprefix.core.messages import written
from warmprefix.core.rules.tool_result_name import RULE
from warmprefix.core.types import Message, Prompt
from warmprefix.dialects.chat_completions.messages import parse_message


def after(value: Any) -> Message:
    message = parse_message(json.dumps(value).encode())
    return RULE.apply(Prompt((message,))).messages[0]


def test_a_name_is_left_out() -> None:
    assert json.loads(written(after(result("c1", name="read")))) == result("c1")


@pytest.mark.parametrize(
    "value",
    [result("c1"), user("Hi.", name="ann"), result("c1", name=5)],
    ids=["none", "user", "odd"],
)
def test_what_has_no_such_name_stays(value: Any) -> None:
    message = parse_message(json.dumps(value).encode())
    prompt = Prompt((message,))

    assert RULE.apply(prompt) is prompt
