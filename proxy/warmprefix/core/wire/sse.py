"""Server-sent events from bytes: takes pieces and returns whole events, however the pieces are cut.

Lines end in LF, CRLF or CR and in nothing else (WHATWG HTML, 9.2.5 "Parsing an event stream"); a text
splitter that also breaks at U+2028 would cut events in two. Nothing here decodes text: a piece may end
inside a UTF-8 character.
"""

import re
from dataclasses import dataclass

# A CR at the end of what has come may be the first half of a line end, so it is none yet.
_EMPTY_LINE = re.compile(rb"(?:\r\n|\n|\r(?=[^\n])){2}")
_DATA = b"data: "


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `name` is empty if the stream gave none; `data` is its data lines, joined."""

    name: bytes
    data: bytes


class SseReader:
    """Collects pieces of a stream and returns the events that they complete."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._name = b""
        self._data: list[bytes] = []
        self._begun = False
        self._data_bytes = 0
        self.pending_bytes = 0
        """How much has come of an event that is not complete."""

    def __repr__(self) -> str:
        return f"SseReader(rest={sum(map(len, self._rest))} bytes, data={len(self._data)} lines)"

    def feed(self, piece: bytes) -> list[Event]:
        """Events completed by `piece`, in order."""
        if self._is_between_events() and (events := _plain_events(piece)) is not None:
            return events
        self.pending_bytes += len(piece)
        if b"\n" not in piece and b"\r" not in piece:
            self._rest.append(piece)
            # If the last piece ended in CR, that is now a line end: no LF follows it.
            if not (len(self._rest) > 1 and self._rest[-2].endswith(b"\r")):
                return []
        else:
            self._rest.append(piece)
        return self._lines(b"".join(self._rest))

    def _is_between_events(self) -> bool:
        return self._begun and not (self._rest or self._data or self._name)

    def _lines(self, text: bytes) -> list[Event]:
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix(b"\xef\xbb\xbf")
        events: list[Event] = []
        lines = text.splitlines(keepends=True)
        # An unfinished line stays, and so does one that ends in CR: an LF may follow.
        last = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            self._line(line.rstrip(b"\r\n"), events)
        self._rest = [last] if last else []
        self.pending_bytes = self._data_bytes + len(last)
        return events

    def _line(self, line: bytes, events: list[Event]) -> None:
        if not line:
            if self._data:
                events.append(Event(self._name, b"\n".join(self._data)))
            self._name, self._data, self._data_bytes = b"", [], 0
            return
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif field == b"event":
            self._name = value

    def finish(self) -> list[Event]:
        """Events that the end of the stream completes. The standard drops an event without its empty line. One
        that is otherwise whole is returned here, since a backend that dies in the middle may still have
        reported something."""
        events = self._lines(b"".join(self._rest) + b"\n")
        self._line(b"", events)
        return events


def _plain_events(piece: bytes) -> list[Event] | None:
    """The events of a piece that is nothing but whole ones of one line of data each, as nearly every piece of a
    generated text is; None if there is anything else in it."""
    if not (piece.startswith(_DATA) and piece.endswith(b"\n\n")) or b"\r" in piece:
        return None
    lines = piece[len(_DATA) : -2].split(b"\n\n" + _DATA)
    if piece.count(b"\n") != 2 * len(lines):
        return None
    return [Event(b"", line) for line in lines]


class EventCutter:
    """Collects pieces of a stream and returns the bytes of the events that they complete, each with the empty
    line behind it. Nothing is left out: joined with `held`, they are the stream."""

    def __init__(self) -> None:
        self.held = b""
        """The beginning of an event whose end has not come yet."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Events completed by `piece`, in order."""
        # An empty line may have begun in what is held.
        at, begun = max(len(self.held) - 3, 0), 0
        text = self.held + piece
        events: list[bytes] = []
        while (end := _EMPTY_LINE.search(text, at)) is not None:
            events.append(text[begun : end.end()])
            at = begun = end.end()
        self.held = text[begun:]
        return events


def data_of(event: bytes) -> bytes:
    """The data of one event, whole or not; empty if it has none."""
    reader = SseReader()
    events = (*reader.feed(event), *reader.finish())
    return events[0].data if events else b""
