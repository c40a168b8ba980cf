"""JSON as slices: every span ends where a parser says, and what is written is what was meant."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import JSON_TEXTS, JSON_VALUES, spaced
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.wire.slices import (
    close_of,
    compact,
    compact_pieces,
    decode,
    decode_short,
    elements,
    is_json,
    members,
    string,
    top_level,
    value_end,
    values_of,
    without_long_strings,
    write_array,
)

LONG = b'"' + b"x\\n" * 400_000 + b'"'


class Object(NamedTuple):
    id: str
    text: bytes
    expected: dict[str, bytes]


OBJECTS = [
    Object("empty", b"{}", {}),
    Object("empty-with-blanks", b"{ \t\r\n}", {}),
    Object("blanks-everywhere", b'{ "a" :\n1 ,\t"b":\r2 }', {"a": b"1", "b": b"2"}),
    Object("nested", b'{"a":{"b":[1,{"c":2}]},"d":3}', {"a": b'{"b":[1,{"c":2}]}', "d": b"3"}),
    Object("brackets-in-strings", b'{"a":"}]{[","b":["}"]}', {"a": b'"}]{["', "b": b'["}"]'}),
    Object("escaped-quote", rb'{"a":"\"","b":"\\"}', {"a": rb'"\""', "b": rb'"\\"'}),
    Object("escapes-before-the-end", rb'{"a":"x\\\"","b":1}', {"a": rb'"x\\\""', "b": b"1"}),
    Object("escaped-name", rb'{"\u0061\"":1}', {'a"': b"1"}),
    Object("name-of-blanks", b'{" ":1,"":2}', {" ": b"1", "": b"2"}),
    Object("order-of-arrival", b'{"b":1,"a":2}', {"b": b"1", "a": b"2"}),
    Object(
        "literals",
        b'{"a":null,"b":true,"c":-0.1e+5}',
        {"a": b"null", "b": b"true", "c": b"-0.1e+5"},
    ),
    Object("what-follows-is-not-looked-at", b'{"a":1}trailing', {"a": b"1"}),
    Object("a-megabyte", b'{"a":' + LONG + b',"b":1}', {"a": LONG, "b": b"1"}),
    Object("not-ascii", '{"é":"\U0001f600"}'.encode(), {"é": '"\U0001f600"'.encode()}),
    Object("deep", b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", {"a": b"[" * 2000 + b"]" * 2000}),
]


@pytest.mark.parametrize("case", OBJECTS, ids=lambda case: case.id)
def test_members_are_found_by_position(case: Object) -> None:
    spans = members(case.text)

    assert {name: case.text[start:end] for name, (start, end) in spans.items()} == case.expected
    assert list(spans) == list(case.expected)


def test_an_array_inside_is_walked_with_its_object() -> None:
    text = b'{"a":[ 1 , [2] ],"b":[],"c":{},"d":[3]}'
    inside: dict[str, list[tuple[int, int]]] = {"a": [], "b": [], "c": []}

    spans = members(text, 0, inside)

    assert spans == members(text)
    assert [text[start:end] for start, end in inside["a"]] == [b"1", b"[2]"]
    assert inside["b"] == inside["c"] == []


NO_OBJECTS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b" {}", id="blank-in-front"),
    pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
    pytest.param(b"[]", id="array"),
    pytest.param(b"{", id="unclosed"),
    pytest.param(b'{"a"', id="no-colon"),
    pytest.param(b'{"a":', id="no-value"),
    pytest.param(b'{"a":}', id="no-value-before-the-end"),
    pytest.param(b'{"a":1', id="unclosed-after-a-value"),
    pytest.param(b'{"a":1,', id="unclosed-after-a-comma"),
    pytest.param(b'{"a":1,}', id="comma-at-the-end"),
    pytest.param(b'{"a":1 "b":2}', id="no-comma"),
    pytest.param(b"{a:1}", id="bare-name"),
    pytest.param(b'{"a":1]', id="wrong-bracket"),
    pytest.param(b'{"a":"x}', id="unclosed-string"),
    pytest.param(b'{"a":[1}', id="unclosed-array"),
    pytest.param(b'{"a":1,"a":2}', id="member-twice"),
    pytest.param(rb'{"a":1,"\u0061":2}', id="member-twice-in-other-spelling"),
    pytest.param(b'{"\xff":1}', id="name-not-utf-8"),
    pytest.param(b'{"a\x00b":1}', id="name-with-a-control-character"),
    pytest.param(rb'{"\ud800":1}', id="name-with-half-a-character"),
]


@pytest.mark.parametrize("text", NO_OBJECTS)
def test_what_is_no_object_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        members(text)


def test_members_and_the_elements_of_an_array_are_found() -> None:
    inside: dict[str, list[tuple[int, int]]] = {"a": []}

    spans = top_level(b' {"a" : [1, 2],"b":3} \n', inside)

    assert spans == {"a": (8, 14), "b": (19, 20)}
    assert inside == {"a": [(9, 10), (12, 13)]}


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"a":1}x', b'{"a":1} {}', b'{"a":1,"a":1}', b'{"a":']
)
def test_a_top_level_is_one_object_with_members(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        top_level(text)


def test_values_are_decoded_but_for_some() -> None:
    text = b'{"a": 1e1, "b": [1, 2], "c": null}'

    assert values_of(text, top_level(text), ("b",)) == {"a": 10.0, "c": None}


class Array(NamedTuple):
    id: str
    text: bytes
    expected: list[bytes]


ARRAYS = [
    Array("empty", b"[]", []),
    Array("empty-with-blanks", b"[ \n]", []),
    Array("blanks-everywhere", b"[ 1 ,\n2\t,\r[ ] ]", [b"1", b"2", b"[ ]"]),
    Array("strings", rb'["a,b","]","\"]"]', [b'"a,b"', b'"]"', rb'"\"]"']),
    Array("deep", b"[" + b"[" * 400 + b"]" * 400 + b"]", [b"[" * 400 + b"]" * 400]),
]


@pytest.mark.parametrize("case", ARRAYS, ids=lambda case: case.id)
def test_elements_are_found_by_position(case: Array) -> None:
    assert [case.text[start:end] for start, end in elements(case.text)] == case.expected


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[", b"[1", b"[1,", b"[1,]", b"[1 2]", b"[1}", b'["a]']
)
def test_what_is_no_array_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        elements(text)


@given(st.data(), JSON_VALUES)
@settings(max_examples=150)
def test_slices_decode_to_the_values_that_were_written(data: st.DataObject, value: Any) -> None:
    text = data.draw(spaced({"first": [value, value], "second": value})).encode()

    spans = members(text)
    start, end = spans["second"]
    again = [text[a:b] for a, b in elements(text, spans["first"][0])]

    assert [json.loads(item) for item in (text[start:end], *again)] == [value] * 3


@given(JSON_TEXTS)
@settings(max_examples=150)
def test_a_value_ends_where_a_parser_says(text: str) -> None:
    _, end = json.JSONDecoder().raw_decode(text)

    assert value_end((text + ",]}").encode(), 0) == len(text[:end].encode())


@given(JSON_TEXTS)
@settings(max_examples=100)
def test_compact_text_means_the_same_and_has_no_blanks_outside_strings(text: str) -> None:
    short = compact(text.encode())

    assert json.loads(short, object_pairs_hook=list) == json.loads(text, object_pairs_hook=list)
    assert compact(short) == short


def test_compact_keeps_what_stands_in_strings() -> None:
    assert compact(b'{ "a b" : [ 1e1 ,\n"x\\" y" ] }') == b'{"a b":[1e1,"x\\" y"]}'


def test_compact_takes_a_string_that_is_never_closed_to_its_end() -> None:
    """Else each quote in it would begin a search of its own, and 1 MB would take hours."""
    assert compact(b'[ 1, " a\\" b \\') == b'[1," a\\" b \\'


PICTURE = "iVBOR" * 20_000
LONG_STRINGS = [
    pytest.param(PICTURE, id="plain"),
    pytest.param(PICTURE + '"' + PICTURE, id="quote-inside"),
    pytest.param(PICTURE + "\\", id="backslash-at-the-end"),
    pytest.param('a \\" ' + PICTURE + ' \\\\" ', id="both"),
    pytest.param("[ {" + PICTURE + "} ]", id="brackets-inside"),
]


@pytest.mark.parametrize("text", LONG_STRINGS)
def test_a_long_string_ends_at_its_quote(text: str) -> None:
    raw = json.dumps(text).encode()
    nested = b'{"a" : [ {"b": ' + raw + b"}, 1 ] }"

    assert value_end(raw + b',"b"', 0) == len(raw)
    assert value_end(nested + b',"b"', 0) == len(nested)
    assert close_of(nested, 0) == len(nested)
    assert compact(nested) == b'{"a":[{"b":' + raw + b"},1]}"


STEP = 256 * 1024
ITEM = b'{"name":"a","at":[1,{"b":"}]"}]}'
DEEP = b"[" * 12 + b"1" + b"]" * 12
LARGE = {
    "many-values": b"[" + b",".join([ITEM] * 20_000) + b"]",
    "many-members": b"{" + b",".join(b'"%d":%b' % (n, ITEM) for n in range(20_000)) + b"}",
    "numbers": b"[" + b",".join([b"12345"] * 100_000) + b"]",
    "a-string-over-the-end-of-a-step": b"[" + b"1," * (STEP // 2 - 5) + b'"' + b"x" * 99 + b'"]',
    "a-long-string-there": b"[" + b"1," * (STEP // 2 - 5) + b'"' + b"x" * STEP + b'",2]',
    "a-value-as-long-as-a-step": b"[[" + b"1," * STEP + b"1],2]",
    "deep-ones": b"[" + b",".join([DEEP, ITEM] * 5_000) + b"]",
    "a-long-string-among-deep-ones": b'{"a":' + DEEP + b',"b":' + LONG + b"}",
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_ends_where_a_small_one_would(name: str) -> None:
    """It is walked in steps, beside which other threads run."""
    raw = LARGE[name]
    assert value_end(raw + b",3]}", 0) == len(raw)

    with pytest.raises(NotUnderstood):
        value_end(raw[:-1], 0)


BASE64 = b"iVBORw0KGgo/+AUg" * 8000
SHORTENED = [
    (b'{"a":"' + BASE64 + b'","b":["' + BASE64 + b'"]}', b'{"a":"","b":[""]}'),
    (b'["' + b"a" * 100 + b'"]', None),
    (b'["' + BASE64 + b'\\n"]', None),
    (b'["' + BASE64 + b'\n"]', None),
    (b'["' + BASE64 + "é".encode() + b'"]', None),
    (b'["' + BASE64, None),
    (b'["a"' + b" " * 70_000 + b',"b"]', b'["a""b"]'),  # is none, so nobody takes it for JSON
]


@pytest.mark.parametrize(("raw", "short"), SHORTENED, ids=range(len(SHORTENED)))
def test_long_strings_need_not_be_decoded(raw: bytes, short: bytes | None) -> None:
    assert without_long_strings(raw) == short


@pytest.mark.parametrize(
    ("text", "value", "is_whole"), [("a", "a", True), ("a" * 70_000, "", False)]
)
def test_a_value_is_decoded_without_its_long_strings(text: str, value: str, is_whole: bool) -> None:
    assert decode_short(b'["%b"]' % text.encode()) == ([value], is_whole)


@pytest.mark.parametrize(
    ("elements", "written"), [([], b"[]"), ([b"1"], b"[1]"), ([b"1", b'","'], b'[1,","]')]
)
def test_an_array_of_written_elements(elements: list[bytes], written: bytes) -> None:
    assert write_array(elements) == written


def test_the_pieces_of_a_slice_are_what_it_is_without_blanks() -> None:
    raw = b'[ 1, { "a b" : " x " } , "left open'

    assert b"".join(compact_pieces(raw, 5, 22)) == b'{"a b":" x "}'
    assert b"".join(compact_pieces(raw, 0, len(raw))) == compact(raw)


def test_compact_text_is_left_alone() -> None:
    raw = json.dumps({"a": [PICTURE]}, separators=(",", ":")).encode()
    assert compact(raw) is raw


@pytest.mark.parametrize(
    "text", [b'["' + PICTURE.encode(), b'"' + PICTURE.encode() + b'\\"', b'"a']
)
def test_a_long_string_that_is_never_closed_is_not_understood(text: bytes) -> None:
    with pytest.raises(NotUnderstood):
        value_end(text, 0)


UNCLOSED = [
    pytest.param(b"[" + b"a" * 500_000, id="no-bracket-follows"),
    pytest.param(b'["' + b"a" * 500_000, id="unclosed-string"),
    pytest.param(b'["' + b'\\"' * 250_000, id="unclosed-string-of-quotes"),
    pytest.param(b"[" * 100_000, id="brackets"),
]


@pytest.mark.timeout(20)  # minutes where each byte left begins a search of its own
@pytest.mark.parametrize("text", UNCLOSED)
def test_an_unclosed_bracket_is_noticed_in_one_pass(text: bytes) -> None:
    with pytest.raises(NotUnderstood, match="never closed"):
        close_of(text, 0)


STRICT = [
    pytest.param(rb'"\ud83d"', True, id="half-a-character-escaped"),
    pytest.param(b"NaN", True, id="not-a-number"),
    pytest.param(b"{", False, id="unclosed"),
    pytest.param(b'"\xff"', False, id="not-utf-8"),
    pytest.param(b"\x001", False, id="utf-16"),
    pytest.param(b"\xef\xbb\xbf1", False, id="byte-order-mark"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, False, id="deeper-than-anyone-reads"),
]


@pytest.mark.parametrize(("raw", "lenient"), STRICT)
def test_what_the_strict_parser_refuses_a_lenient_one_may_read(raw: bytes, lenient: bool) -> None:
    with pytest.raises(NotUnderstood):
        decode(raw)
    assert is_json(raw) is lenient


STRINGS = [
    pytest.param('a\n"\\', b'"a\\n\\"\\\\"', id="escapes"),
    pytest.param("é\u2028", '"é\u2028"'.encode(), id="no-needless-escapes"),
    pytest.param("\ud83d", b'"\\ud83d"', id="half-a-character"),
]


@pytest.mark.parametrize(("text", "expected"), STRINGS)
def test_a_string_is_written(text: str, expected: bytes) -> None:
    assert string(text) == expected


def test_an_array_that_is_begun_is_gone_on_with() -> None:
    text = b'{"a":[1,[2],3]}'
    inside = {"a": [(6, 7)]}

    members(text, inside=inside)

    assert [text[start:end] for start, end in inside["a"]] == [b"1", b"[2]", b"3"]


def test_no_group_of_a_pattern_repeats_possessively() -> None:
    """Python 3.11.0 to 3.11.4, Debian 12's for one, matches wrongly with that, and a body is not understood."""
    package = Path(__file__).parents[3] / "proxy" / "warmprefix"
    files = [file for kind in ("*.py", "*.json") for file in package.rglob(kind)]
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]

    assert len(files) > 100
    assert [line for line in lines if re.search(r"\)[*+?]\+", line.partition("# ")[0])] == []
