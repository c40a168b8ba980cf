"""What a client needs, put into what its settings say already."""

from typing import Any

import pytest

from warmprefix.connect.merge import is_same, merge

CASES = [
    pytest.param({}, {"a": 1}, {"a": 1}, id="new"),
    pytest.param({"a": 1, "b": 2}, {"a": 3}, {"a": 3, "b": 2}, id="another-value"),
    pytest.param({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, id="tables-are-merged"),
    pytest.param({"a": "x"}, {"a": {"c": 2}}, {"a": {"c": 2}}, id="a-text-gives-way-to-a-table"),
    pytest.param({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}, id="lists-are-added-to"),
    pytest.param(
        {"models": [{"name": "other"}, {"name": "w", "url": "old", "own": 1}]},
        {"models": [{"name": "w", "url": "new"}]},
        {"models": [{"name": "other"}, {"name": "w", "url": "new", "own": 1}]},
        id="an-element-is-told-by-its-name",
    ),
]


@pytest.mark.parametrize(("before", "more", "after"), CASES)
def test_nothing_but_what_is_needed_changes(
    before: dict[str, Any], more: dict[str, Any], after: dict[str, Any]
) -> None:
    merge(before, more)

    assert before == after


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"id": "a", "name": "x"}, {"id": "a", "name": "y"}, True, id="by-id"),
        pytest.param({"model_id": "a"}, {"model_id": "b"}, False, id="by-model-id"),
        pytest.param({"a": 1}, {"a": 1}, False, id="without-a-name"),
        pytest.param(1, 1, True, id="values"),
        pytest.param({"id": 1}, 1, False, id="a-table-and-a-value"),
    ],
)
def test_elements_are_told_apart(one: object, other: object, same: bool) -> None:
    assert is_same(one, other) is same
