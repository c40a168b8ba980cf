"""What a backend answered is taken for what it says only if it has the expected shape."""

import math

import pytest

from warmprefix.backends.answers import Answer, members, number, objects, text, whole

ANSWERS: list[tuple[str, int, bytes, dict[str, object]]] = [
    ("object", 200, b'{"a": 1}', {"a": 1}),
    ("lone-surrogate", 200, rb'{"a": "\ud800"}', {"a": "\ud800"}),
    ("large-number", 200, b'{"a": 1' + b"0" * 400 + b"}", {"a": 10**400}),
    ("not-200", 201, b'{"a": 1}', {}),
    ("error", 500, b'{"a": 1}', {}),
    ("list", 200, b'[{"a": 1}]', {}),
    ("null", 200, b"null", {}),
    ("page", 200, b"<html>", {}),
    ("nothing", 200, b"", {}),
    ("no-text", 200, b'"\xff"', {}),
]


@pytest.mark.parametrize(
    ("status", "body", "expected"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_members_are_those_of_an_object_that_came_with_200(
    status: int, body: bytes, expected: dict[str, object]
) -> None:
    assert members(Answer(status, {}, body)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([{"a": 1}, {}], [{"a": 1}, {}], id="all"),
        pytest.param([1, {"a": 1}, None, [{}]], [{"a": 1}], id="some"),
        pytest.param({"a": {}}, [], id="object"),
        pytest.param(None, [], id="none"),
        pytest.param("ab", [], id="text"),
    ],
)
def test_objects_are_those_of_a_list(value: object, expected: list[object]) -> None:
    assert objects(value) == expected


VALUES: list[tuple[str, object, str | None, int | None, float]] = [
    ("text", "a", "a", None, 0.0),
    ("empty", "", None, None, 0.0),
    ("whole", 3, None, 3, 3.0),
    ("zero", 0, None, 0, 0.0),
    ("negative", -1, None, -1, -1.0),
    ("fraction", 1.5, None, None, 1.5),
    ("digits", "3", "3", None, 0.0),
    ("true", True, None, None, 1.0),
    ("none", None, None, None, 0.0),
    ("list", [1], None, None, 0.0),
    ("infinite", math.inf, None, None, math.inf),
]


@pytest.mark.parametrize(
    ("value", "as_text", "as_whole", "as_number"),
    [row[1:] for row in VALUES],
    ids=[row[0] for row in VALUES],
)
def test_a_value_is_what_it_is_and_nothing_else(
    value: object, as_text: str | None, as_whole: int | None, as_number: float
) -> None:
    assert (text(value), whole(value), number(value)) == (as_text, as_whole, as_number)
