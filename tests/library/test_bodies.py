"""Bodies as callers have them: what becomes of bytes, of a dict, and of what is neither."""

from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.dialects import DIALECTS
from warmprefix.library.bodies import dialect_named, like, to_bytes

ITSELF: dict[str, Any] = {}
ITSELF["a"] = ITSELF

WRITTEN: list[tuple[str, Any, bytes]] = [
    ("bytes", b'{ "a": 1.0 }', b'{ "a": 1.0 }'),
    ("order", {"b": 1, "a": [True, None]}, b'{"b":1,"a":[true,null]}'),
    ("beyond-64-bits", {"seed": 2**70}, b'{"seed":1180591620717411303424}'),
    ("lone-surrogate", {"a": "\ud800"}, b'{"a":"\\ud800"}'),
    ("other-mapping", MappingProxyType({"a": 1}), b'{"a":1}'),
    ("subclass", OrderedDict(a=1), b'{"a":1}'),
]


@pytest.mark.parametrize(
    ("body", "written"), [row[1:] for row in WRITTEN], ids=[r[0] for r in WRITTEN]
)
def test_a_body_is_written_as_json(body: Any, written: bytes) -> None:
    assert to_bytes(body) == written


def test_bytes_are_not_copied() -> None:
    body = b"{}"

    assert to_bytes(body) is body


NOT_JSON: list[tuple[str, Any]] = [
    ("not-a-number", {"temperature": float("nan")}),
    ("set", {"stop": {"a"}}),
    ("itself", ITSELF),
]


@pytest.mark.parametrize("body", [row[1] for row in NOT_JSON], ids=[row[0] for row in NOT_JSON])
def test_what_has_no_json_is_not_understood(body: Any) -> None:
    with pytest.raises(NotUnderstood, match="the body cannot be written as JSON: "):
        to_bytes(body)


@pytest.mark.parametrize("body", ["{}", None, 3, [{}], bytearray(b"{}")], ids=repr)
def test_what_is_neither_bytes_nor_a_dict_is_refused_by_its_type(body: Any) -> None:
    with pytest.raises(TypeError, match=f"bytes or a dict, not {type(body).__name__}"):
        to_bytes(body)


def test_what_was_changed_comes_back_in_the_form_in_which_it_was_given() -> None:
    assert like(b'{"a":1}', b'{"a":1}', b'{"a":2}') == b'{"a":2}'
    assert like({"a": 1}, b'{"a":1}', b'{"a":2}') == {"a": 2}


def test_what_was_not_changed_is_the_object_that_was_given() -> None:
    body, text = {"a": 1}, b'{"a":1}'

    assert like(text, text, text) is text
    assert like(body, text, text) is body
    assert like(MappingProxyType(body), text, text) == body


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_has_its_name(dialect: Any) -> None:
    assert dialect_named(dialect.name) is dialect


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ValueError, match="no dialect is called 'chat'; there are chat_completions, messages"
    ):
        dialect_named("chat")
