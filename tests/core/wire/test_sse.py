"""Server-sent events: the same events whatever the pieces look like."""

from typing import NamedTuple

import pytest

from warmprefix.core.wire.sse import Event, EventCutter, SseReader, data_of


class Case(NamedTuple):
    """`source` is a paragraph of WHATWG HTML 9.2, or where such a stream was seen."""

    id: str
    stream: bytes
    expected: list[Event]
    source: str


def event(data: str, name: str = "") -> Event:
    return Event(name.encode(), data.encode())


CASES = [
    Case("line-feeds", b"data: a\n\ndata: b\n\n", [event("a"), event("b")], "9.2.5"),
    Case("carriage-returns-and-line-feeds", b"data: a\r\n\r\n", [event("a")], "9.2.5"),
    Case("carriage-returns", b"data: a\r\rdata: b\r\r", [event("a"), event("b")], "9.2.5"),
    Case("mixed-line-ends", b"data: a\r\n\ndata: b\n\r\n", [event("a"), event("b")], "9.2.5"),
    Case("comments", b": ping\n\n: ping\n\ndata: a\n\n", [event("a")], "Lemonade in a prefill"),
    Case("comment-inside-an-event", b"data: a\n: ping\ndata: b\n\n", [event("a\nb")], "9.2.6"),
    Case("no-blank-after-the-colon", b"data:a\n\n", [event("a")], "9.2.6"),
    Case("one-blank-is-dropped", b"data:  a \n\n", [event(" a ")], "9.2.6"),
    Case("several-data-lines", b"data: a\ndata:\ndata: b\n\n", [event("a\n\nb")], "9.2.6"),
    Case("no-colon", b"data\n\n", [event("")], "9.2.6"),
    Case("colon-in-the-data", b'data: {"a":1}\n\n', [event('{"a":1}')], "9.2.6"),
    Case("name", b"event: message_start\ndata: a\n\n", [event("a", "message_start")], "messages"),
    Case(
        "name-of-one-event",
        b"event: x\ndata: a\n\ndata: b\n\n",
        [event("a", "x"), event("b")],
        "9.2.6",
    ),
    Case("name-without-data", b"event: x\n\ndata: a\n\n", [event("a")], "9.2.6"),
    Case("other-fields", b"id: 7\nretry: 9\nDATA: x\ndata: a\n\n", [event("a")], "9.2.6"),
    Case("empty-lines", b"\n\n\ndata: a\n\n\n\n", [event("a")], "9.2.6"),
    Case(
        "unicode-line-ends",
        "data: a\u2028b\u0085c\vd\fe\n\n".encode(),
        [event("a\u2028b\u0085c\vd\fe")],
        "9.2.5",
    ),
    Case(
        "characters-of-four-bytes", "data: \U0001f600\n\n".encode(), [event("\U0001f600")], "9.2.5"
    ),
    Case("byte-order-mark", b"\xef\xbb\xbfdata: a\n\n", [event("a")], "9.2.5"),
    Case(
        "byte-order-mark-further-down", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [event("a")], "9.2.5"
    ),
    Case("no-final-empty-line", b"data: a\n\ndata: b\n", [event("a"), event("b")], "a cut stream"),
    Case("no-final-line-end", b"data: a\n\ndata: b", [event("a"), event("b")], "a cut stream"),
    Case("ends-in-a-carriage-return", b"data: a\r", [event("a")], "a cut stream"),
    Case("nothing", b"", [], "a backend that dies first"),
    Case("only-comments", b": ping\n\n: ping\n\n", [], "Lemonade in a prefill"),
]


def read(*pieces: bytes) -> list[Event]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_pieces_do_not_matter(case: Case) -> None:
    """Whole, split at every byte, byte by byte, and with empty pieces between."""
    stream = case.stream
    singles = [stream[at : at + 1] for at in range(len(stream))]

    assert read(stream) == case.expected
    assert read(*singles) == case.expected
    assert read(*(piece for single in singles for piece in (single, b""))) == case.expected
    for at in range(len(stream) + 1):
        assert read(stream[:at], stream[at:]) == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_cut_stream_gives_the_events_before_the_cut(case: Case) -> None:
    """The last may be a part: what a backend said before it died."""
    for at in range(len(case.stream)):
        found = read(case.stream[:at])

        whole, last = found[:-1], found[-1:]
        assert whole == case.expected[: len(whole)]
        assert len(found) <= len(case.expected)
        for cut in last:
            assert case.expected[len(whole)].data.startswith(cut.data)


def test_an_event_is_there_with_its_empty_line() -> None:
    reader = SseReader()

    assert reader.feed(b"data: a\n") == []
    assert reader.feed(b"\n") == [event("a")]
    assert reader.feed(b"data: b\n\ndata") == [event("b")]
    assert repr(reader) == "SseReader(rest=4 bytes, data=0 lines)"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_came_before_changes_nothing(case: Case) -> None:
    """Behind a whole event a piece of plain ones is not taken apart line by line."""
    reader = SseReader()
    reader.feed(b"data: before\n\n")
    found = [*reader.feed(b"data: b\n\ndata: c\n\n"), *reader.feed(case.stream), *reader.finish()]

    assert found[:2] == [event("b"), event("c")]
    if not case.id.startswith("byte-order-mark"):  # it is one at the beginning alone
        assert found[2:] == case.expected


ONE_BY_ONE = [case for case in CASES if case.id != "byte-order-mark-further-down"]
"""An event that is read alone stands at the beginning, and such a mark would count."""


@pytest.mark.parametrize("case", ONE_BY_ONE, ids=lambda case: case.id)
def test_a_cutter_returns_every_byte_and_whole_events_alone(case: Case) -> None:
    stream = case.stream
    for at in range(len(stream) + 1):
        cutter = EventCutter()
        events = [*cutter.feed(stream[:at]), *cutter.feed(stream[at:])]

        assert b"".join(events) + cutter.held == stream
        found = [data_of(event) for event in [*events, cutter.held]]
        assert [data for data in found if data] == [e.data for e in case.expected if e.data]
