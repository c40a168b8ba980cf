"""What dialects do alike with a body."""

import pytest

from tests.builders import user
from tests.chat_dialect import chat_message
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.core.wire.slices import top_level
from warmprefix.dialects.base import NoMemory
from warmprefix.dialects.bodies import (
    is_same,
    raw_members,
    tools_of,
    with_question,
    written_tools,
)
from warmprefix.dialects.chat_completions import CHAT

LOOK = Tool("look", RawJson(b'{"function":{"name":"look"}}'))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"m"}', None),
        (b'{"tools":null}', ()),
        (b'{"tools":[]}', ()),
        (b'{"tools":[' + LOOK.definition + b"]}", (LOOK,)),
    ],
)
def test_absent_tools_are_not_empty_ones(body: bytes, expected: tuple[Tool, ...] | None) -> None:
    assert tools_of(body, top_level(body), NoMemory(CHAT)) == expected


def test_tools_that_are_no_array_are_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        tools_of(b'{"tools":5}', {"tools": (9, 10)}, NoMemory(CHAT))


def test_tools_are_written_as_an_array() -> None:
    assert written_tools(()) == b"[]"
    assert written_tools((LOOK, LOOK)) == b"[%s,%s]" % (LOOK.definition, LOOK.definition)


def test_what_is_equal_but_another_object_was_changed() -> None:
    one, equal = chat_message("user", user("a")["content"]), chat_message("user", "a")
    tools = (LOOK,)

    assert is_same(Prompt((one,), tools), Prompt((one,), tools))
    assert not is_same(Prompt((one,)), Prompt((equal,)))
    assert not is_same(Prompt((one,)), Prompt((one, one)))
    assert not is_same(Prompt((one,), (LOOK, LOOK)), Prompt((one,), tools))


def test_members_are_kept_as_they_came() -> None:
    body = b'{"a": 1e1, "b": [1, 2], "c": null}'

    assert raw_members(body, top_level(body), ("c", "d", "a")) == {"c": b"null", "a": b"1e1"}


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b'{"messages": []}', b'{"messages": [QUESTION]}'),
        (b'{"messages": [{"role":"system"}]}', b'{"messages": [{"role":"system"},QUESTION]}'),
        (b'{"tools": []}', b'{"tools": [],"messages":[QUESTION]}'),
    ],
)
def test_a_question_is_added_and_nothing_else(body: bytes, asked: bytes) -> None:
    question = b'{"role":"user","content":"Hi"}'

    assert with_question(CHAT, body, "Hi") == asked.replace(b"QUESTION", question)


def test_a_question_needs_a_list() -> None:
    with pytest.raises(NotUnderstood):
        with_question(CHAT, b'{"messages": 5}', "Hi")
