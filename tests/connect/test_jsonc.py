"""JSON with comments: members are set, and every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmprefix.connect.jsonc import NotJson, read, value_of, with_members

COMMENTED = """\
{
  // mine
  "a": 1, // one
  "deep": {
    "kept": [1, 2] /* both */
  },
  "list": [
    {"id": "x", "v": 1},
  ],
  "empty": {},
  "last": true // the last
}
"""

CHANGES = [
    pytest.param("", {"a": 1}, '{\n  "a": 1\n}\n', id="empty-file"),
    pytest.param("// mine\n", {"a": 1}, '// mine\n{\n  "a": 1\n}\n', id="only-comments"),
    pytest.param("{}", {"a": 1}, '{\n  "a": 1\n}', id="empty-object"),
    pytest.param("{\n  // mine\n}\n", {"a": 1}, '{\n  // mine\n  "a": 1\n}\n', id="only-a-comment-in-it"),
    pytest.param('{"a": 1}', {"b": {"c": 2}}, '{"a": 1, "b": {"c": 2}}', id="one-line"),
    pytest.param('{"a": 1,}', {"b": 2}, '{"a": 1, "b": 2,}', id="one-line-comma"),
    pytest.param('{"a": 1}', {"a": 1}, '{"a": 1}', id="nothing-to-do"),
    pytest.param('{"a": true}', {"a": 1}, '{"a": 1}', id="true-is-not-1"),
    pytest.param('{"a": 1, "a": 2}', {"a": 3}, '{"a": 1, "a": 3}', id="the-last-of-a-name-counts"),
    pytest.param('{\r\n\t"a": 1\r\n}', {"b": 2}, '{\r\n\t"a": 1,\r\n\t"b": 2\r\n}', id="line-ends-and-tabs"),
    pytest.param("\ufeff{}", {"a": 1}, '\ufeff{\n  "a": 1\n}', id="byte-order-mark"),
    pytest.param(
        COMMENTED,
        {"a": 2, "deep": {"new": 1}, "list": [{"id": "x", "v": 2}, {"id": "y"}], "empty": {"e": 1}, "z": "end"},
        COMMENTED.replace('"a": 1,', '"a": 2,')
        .replace("[1, 2] /* both */", '[1, 2], /* both */\n    "new": 1')
        .replace('"v": 1},', '"v": 2},\n    {\n      "id": "y"\n    },')
        .replace("{},", '{\n    "e": 1\n  },')
        .replace("true // the last", 'true, // the last\n  "z": "end"'),
        id="among-comments",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "more", "after"), CHANGES)
def test_members_are_set_where_they_belong(text: str, more: dict[str, Any], after: str) -> None:
    assert with_members(text, more) == after


WRONG = [
    pytest.param("{a: 1}", "line 1: a name", id="name-without-marks"),
    pytest.param("{'a': 1}", "line 1: a name", id="single-marks"),
    pytest.param('{"a" 1}', "line 1: a colon", id="no-colon"),
    pytest.param('{\n"a": 1\n"b": 2}', "line 3: a comma or }", id="no-comma"),
    pytest.param('{"a": 1', "line 1: a comma or }", id="no-end"),
    pytest.param('{"a": [1', "line 1: a comma or ]", id="no-end-of-a-list"),
    pytest.param('{"a": "x', "line 1: a text does not end", id="no-end-of-a-text"),
    pytest.param('{"a": nope}', "line 1: no value", id="no-value"),
    pytest.param('{"a":', "line 1: no value", id="ends-before-the-value"),
    pytest.param("{} {}", "line 1: something stands behind", id="two"),
    pytest.param("[1]", "no object", id="list"),
    pytest.param("[" * 1000, "too deeply", id="deep"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_no_json_is_told(text: str, why: str) -> None:
    with pytest.raises(NotJson, match=why):
        with_members(text, {"b": 1})


def test_a_text_without_a_value_has_none() -> None:
    assert value_of(" /* nothing */ ") is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


@given(before=TABLES, more=TABLES, indent=st.sampled_from([None, 2, "\t"]))
def test_every_member_has_the_new_value_then_and_the_others_their_own(
    before: dict[str, Any], more: dict[str, Any], indent: int | str | None
) -> None:
    plain = {name: value for name, value in more.items() if not isinstance(value, dict | list)}
    after = with_members(json.dumps(before, indent=indent), plain)

    assert read(after).value == {**before, **plain}
