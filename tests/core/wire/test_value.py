"""JSON text compared by value: what a re-serialiser may change, and what it may not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import JSON_VALUES, spaced
from warmprefix.core.wire.value import arguments_key, value_key

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


SAME_ARGUMENTS = [
    pytest.param('{"a":1}', '{"all":false,"a":1}', id="false-added"),
    pytest.param('{"a":1,"b":2}', '{"b":2,"a":1}', id="key-order"),
    pytest.param('{"a":5000.0}', '{"a":5000}', id="point-lost"),
    pytest.param('{"a":[{"b":-0.0}]}', '{"a":[{"b":0}]}', id="point-lost-inside"),
    pytest.param('{"a":1e3}', '{"a":1000}', id="exponent"),
    pytest.param("{}", '{"a":false}', id="nothing-else"),
]


@pytest.mark.parametrize(("one", "other"), SAME_ARGUMENTS)
def test_arguments_that_a_client_has_written_anew_have_one_key(one: str, other: str) -> None:
    assert arguments_key(one) == arguments_key(other)


OTHER_ARGUMENTS = [
    pytest.param('{"a":true}', '{"a":false}', id="true-and-false"),
    pytest.param('{"a":1}', '{"a":1,"b":true}', id="true-added"),
    pytest.param('{"a":1}', '{"a":1,"b":null}', id="null-added"),
    pytest.param('{"a":1}', '{"a":1,"b":0}', id="zero-added"),
    pytest.param('{"a":{}}', '{"a":{"b":false}}', id="false-inside"),
    pytest.param('{"a":1.5}', '{"a":1}', id="fraction"),
    pytest.param('{"a":1e999}', '{"a":1e998}', id="beyond-a-float"),
    pytest.param('["a"]', '{"a":1}', id="no-object"),
    pytest.param("false", "{}", id="false-alone"),
    pytest.param("{broken", "{}", id="no-json"),
    pytest.param('"x"', '{"o":"x"}', id="text"),
]


@pytest.mark.parametrize(("one", "other"), OTHER_ARGUMENTS)
def test_other_arguments_have_another_key(one: str, other: str) -> None:
    assert arguments_key(one) != arguments_key(other)


@pytest.mark.parametrize("text", DEEP)
def test_deep_arguments_have_a_key(text: str) -> None:
    assert arguments_key(text) == arguments_key(text)
    assert arguments_key(text) != arguments_key(text + "1")
