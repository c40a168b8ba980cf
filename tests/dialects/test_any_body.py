"""Whatever a body holds: a dialect does not understand it, or has one canonical form of it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import JSON_VALUES
from warmprefix.core.canonical import Canonicalizer, choose_rules
from warmprefix.core.errors import NotUnderstood
from warmprefix.dialects import DIALECTS
from warmprefix.dialects.base import Dialect, NoMemory

TEXTS = st.sampled_from(["", " x\n", "x", "\ud83d", "<think>a</think>b", "{}", "\u2028"])
IDS = st.one_of(st.sampled_from(["a", "b", ""]), st.none(), st.integers(0, 1))
KINDS = st.sampled_from([
    "text", "thinking", "tool_use", "tool_result", "image", "input_text", "output_text", "reasoning_text",
    "message", "function_call", "function_call_output", "reasoning", "custom_tool_call", "refusal",
])  # fmt: skip
ROLES = st.sampled_from(["user", "assistant", "system", "developer", "tool", "me"])


def some(members: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of these members, most of them of the type they should have."""
    likely = {name: st.one_of(value, value, value, JSON_VALUES) for name, value in members.items()}
    return st.fixed_dictionaries({}, optional=likely)


BLOCKS = some({
    "type": KINDS, "text": TEXTS, "thinking": TEXTS, "signature": TEXTS, "id": IDS, "name": TEXTS,
    "input": JSON_VALUES, "tool_use_id": IDS, "content": TEXTS, "cache_control": JSON_VALUES,
})  # fmt: skip
ITEMS = some({
    "role": ROLES, "type": KINDS, "content": st.one_of(TEXTS, st.lists(BLOCKS, max_size=3)), "id": IDS,
    "call_id": IDS, "name": TEXTS, "arguments": TEXTS, "output": st.one_of(TEXTS, st.lists(BLOCKS, max_size=2)),
    "summary": st.lists(BLOCKS, max_size=1), "status": TEXTS, "encrypted_content": TEXTS,
    "reasoning_content": TEXTS, "tool_call_id": IDS,
})  # fmt: skip
LISTS = st.lists(ITEMS, max_size=4)
OTHERS = some({
    "model": TEXTS, "instructions": TEXTS, "system": st.one_of(TEXTS, st.lists(BLOCKS, max_size=3)),
    "tools": st.lists(BLOCKS, max_size=2), "stream": st.booleans(),
})  # fmt: skip
PROMPTS = st.one_of(TEXTS, st.lists(st.one_of(TEXTS, st.integers(0, 9), JSON_VALUES), max_size=3))
FILES = st.lists(some({"filename": TEXTS, "text": TEXTS}), max_size=2)
ARRAYS = {"messages": LISTS, "input": st.one_of(TEXTS, LISTS), "prompt": PROMPTS, "input_prefix": TEXTS,
    "input_extra": FILES}  # fmt: skip
BODIES = st.builds(
    lambda arrays, others: {**arrays, **others}, st.fixed_dictionaries(ARRAYS), OTHERS
)


@pytest.mark.parametrize("dialect", [pytest.param(one, id=one.name) for one in DIALECTS])
@given(value=BODIES)
@settings(max_examples=200)
def test_any_body_is_not_understood_or_has_one_canonical_form(
    dialect: Dialect, value: dict[str, Any]
) -> None:
    body = json.dumps(value).encode()
    try:
        request = dialect.parse(body, NoMemory(dialect))
    except NotUnderstood:
        return
    canonicalizer = Canonicalizer(choose_rules())

    first = canonicalizer.run(request.prompt)
    sent = dialect.render(request, first.prompt)
    again = dialect.parse(sent, NoMemory(dialect))
    second = canonicalizer.run(again.prompt)

    assert not first.failed
    assert json.loads(dialect.render(request, request.prompt)) is not None
    assert dialect.render(again, second.prompt) == sent
    assert json.loads(dialect.as_chat(first.prompt))["messages"] is not None
