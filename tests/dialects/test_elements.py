"""Members of one element of a body, and the name of a tool."""

from typing import Any

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.wire.slices import members
from warmprefix.dialects.chat_completions.shape import SHAPE
from warmprefix.dialects.elements import (
    COPIED_BYTES,
    check_json,
    cut,
    decoded,
    named_tool,
    others,
    own_name,
)

RAW = b'{"a": 1e1, "b": "x", "c": [ ]}'
SPANS = members(RAW)


def test_a_member_is_decoded_if_it_is_there() -> None:
    assert [decoded(RAW, SPANS, name) for name in ("a", "b", "d")] == [10.0, "x", None]


def test_the_others_are_kept_as_they_came() -> None:
    assert others(RAW, SPANS, "b", "d") == {"a": b"1e1", "c": b"[ ]"}


@pytest.mark.parametrize("raw", [b'{"a":1}', b'"\\ud83d"'])
def test_what_some_parser_reads_is_json(raw: bytes) -> None:
    check_json(raw)


@pytest.mark.parametrize("raw", [b'{"a":x}', b"", b'{"a":1} 2'])
def test_what_no_parser_reads_is_not_understood(raw: bytes) -> None:
    with pytest.raises(NotUnderstood):
        check_json(raw)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"name":"f"}', "f"),
        (b'{"name":5}', None),
        (b"{}", None),
        (b"[1]", None),
        (b'{"name":"\\ud83d"}', None),  # only a lenient parser reads it
    ],
)
def test_a_tool_has_the_name_that_can_be_read(raw: bytes, name: Any) -> None:
    tool = named_tool(raw, SHAPE, own_name)

    assert (tool.name, tool.definition, tool.shape) == (name, raw, SHAPE)


def test_a_tool_that_is_no_json_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        named_tool(b"{", SHAPE, own_name)


@pytest.mark.parametrize("size", [0, 1, COPIED_BYTES, COPIED_BYTES + 1, 2 * COPIED_BYTES + 7])
def test_a_slice_that_is_cut_out_step_by_step_is_that_slice(size: int) -> None:
    text = bytes(range(251)) * (3 * COPIED_BYTES // 251)

    assert cut(text, 5, 5 + size) == text[5 : 5 + size]
