"""JSON text compared by value: what a re-serialiser may change, and what it may not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import JSON_VALUES, spaced
from warmprefix.core.wire.value import value_key

SAME = [
    pytest.param('{"a":1,"b":2}', '{"b":2,"a":1}', id="key-order"),
    pytest.param('{"a":{"b":1,"c":2}}', '{"a":{"c":2,"b":1}}', id="key-order-inside"),
    pytest.param('{"a":[1,2]}', ' { "a" : [ 1,\n2 ] } ', id="blanks"),
    pytest.param('"é\U0001f600/"', r'"\u00e9\ud83d\ude00\/"', id="escapes"),
    pytest.param('{"a":1}', r'{"\u0061":1}', id="escaped-name"),
    pytest.param("1e1", "10.0", id="spelling-of-a-float"),
    pytest.param("[1.50]", "[1.5]", id="needless-zero"),
    pytest.param('{"a":1,"b":1}', '{"b":1,"a":1}', id="equal-values"),
    pytest.param('{"b":{},"a":[]}', '{"a":[],"b":{}}', id="values-that-cannot-be-sorted"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_value_has_one_key(one: str, other: str) -> None:
    assert value_key(one) == value_key(other)


DIFFERENT = [
    pytest.param("1", "1.0", id="integer-and-float"),
    pytest.param("1", "true", id="one-and-true"),
    pytest.param("0", "false", id="zero-and-false"),
    pytest.param("1", '"1"', id="number-and-text"),
    pytest.param("null", '""', id="null-and-empty"),
    pytest.param('{"a":null}', "{}", id="null-and-absent"),
    pytest.param("[]", "{}", id="empty-array-and-object"),
    pytest.param("[1,2]", "[2,1]", id="array-order"),
    pytest.param('"a"', '"a "', id="blank-in-a-string"),
    pytest.param('"{\\"a\\":1}"', '"{\\"a\\": 1}"', id="json-in-a-string"),
    pytest.param("9007199254740993", "9007199254740992", id="beyond-53-bits"),
    pytest.param("100000000000000000000001", "100000000000000000000000", id="beyond-64-bits"),
    pytest.param("1e400", "1e401", id="beyond-a-float"),
    pytest.param('{"a":1,"a":2}', '{"a":2}', id="member-twice"),
    pytest.param('{"a":1,"a":2}', '{"a":2,"a":1}', id="member-twice-in-another-order"),
    pytest.param("{broken", "{ broken", id="not-json"),
    pytest.param("[NaN]", "[null]", id="not-a-number"),
    pytest.param("{broken", '"{broken"', id="text-and-string"),
    pytest.param("", "{}", id="nothing-and-empty"),
    pytest.param("5", '["i","5"]', id="integer-and-what-could-stand-for-it"),
    pytest.param("5", '{"i":"5"}', id="integer-and-an-object-like-it"),
    pytest.param("1.5", '["f","1.5"]', id="float-and-what-could-stand-for-it"),
    pytest.param('{"a":"b"}', '["{",[["a","b"]]]', id="object-and-an-array-like-it"),
    pytest.param('{"a":"b"}', '{"o":[["a","b"]]}', id="object-and-an-object-like-it"),
    pytest.param(r'"\ud83d"', '"?"', id="half-a-character"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_value_has_another_key(one: str, other: str) -> None:
    assert value_key(one) != value_key(other)


DEEP = [
    pytest.param('{"a":' * 400 + "1" + "}" * 400, id="objects"),
    pytest.param("[" * 2000 + "]" * 2000, id="arrays"),
    pytest.param('{"a":[' * 50_000, id="unclosed"),
]


@pytest.mark.parametrize("text", DEEP)
def test_deep_text_has_a_key(text: str) -> None:
    assert value_key(text) == value_key(text)
    assert value_key(text) != value_key(text + "1")


@given(st.data(), JSON_VALUES)
@settings(max_examples=100)
def test_a_value_written_anew_is_recognised(data: st.DataObject, value: Any) -> None:
    text = data.draw(spaced(value))

    assert value_key(text) == value_key(json.dumps(value, sort_keys=True))


@given(JSON_VALUES, JSON_VALUES)
@settings(max_examples=200)
def test_two_values_share_a_key_only_where_they_are_one(one: Any, other: Any) -> None:
    texts = [json.dumps(value, sort_keys=True) for value in (one, other)]

    assert (value_key(texts[0]) == value_key(texts[1])) is (texts[0] == texts[1])
