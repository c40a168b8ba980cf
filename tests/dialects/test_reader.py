"""Bytes of a reply as events or as one body, whatever the pieces look like."""

import pytest

from warmprefix.core.types import Reply
from warmprefix.dialects import reader as reader_module
from warmprefix.dialects.reader import Json, Reader, error_text, read_json


class Collecting(Reader):
    """Keeps what it is given."""

    def __init__(self, stream: bool) -> None:
        super().__init__(stream)
        self.seen: list[object] = []

    def reply(self) -> Reply:
        """Nothing is made of it."""
        return Reply()

    def _event(self, value: Json) -> None:
        self.seen.append(value)

    def _word(self, data: bytes) -> None:
        self.seen.append(data)

    def _whole(self, value: Json) -> None:
        self.seen.append(value)


def read(stream: bool, *pieces: bytes) -> list[object]:
    reader = Collecting(stream)
    for piece in pieces:
        reader.feed(piece)
    reader.finish()
    return reader.seen


def test_a_stream_is_read_event_by_event() -> None:
    """The last one too, if the stream ended before it did."""
    assert read(True, b'data: {"a":1}\n\nda', b"ta: b\n\ndata: {}") == [{"a": 1}, b"b", b"{}"]


def test_a_body_is_read_when_it_is_whole() -> None:
    assert read(False, b'{"a"', b":1}") == [{"a": 1}]


def test_a_body_that_is_too_large_is_no_longer_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_BODY", 4)

    assert read(False, b"12345", b"6") == []


@pytest.mark.parametrize("data", [b"", b"[1]", b'{"a"'])
def test_what_is_no_object_is_an_empty_one(data: bytes) -> None:
    assert read_json(data) == {}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"message": "m"}, "m"),
        ("t", "t"),
        ({"message": 5}, "unknown error"),
        (None, "unknown error"),
    ],
)
def test_an_error_says_what_it_says(error: object, text: str) -> None:
    assert error_text(error) == text
