"""What readers of replies have in common: pieces of bytes in, the events of a stream or a whole body out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import orjson

from warmprefix.core.types import Progress, Reply
from warmprefix.core.wire.slices import string_end
from warmprefix.core.wire.sse import Event, SseReader
from warmprefix.dialects.base import MAX_BODY
from warmprefix.dialects.counts import read_progress

Json = Mapping[str, object]
Growth = tuple[bytes, str, list[str]]
"""What an event adds and nothing else: the name of the member, its text, and the texts that it was added to."""


class Reader(ABC):
    """Feed it the bytes of one reply; `reply()` is what they said so far."""

    def __init__(self, stream: bool) -> None:
        self._sse: SseReader | None = SseReader() if stream else None
        self._body: list[bytes] = []
        self._size = 0
        self._id: str | None = None
        self._finish_word: str | None = None
        self.done = False
        """Whether the reply has come to its own end."""
        self.has_output = False
        """Whether anything generated (text, reasoning or a call) has arrived."""
        self.pending_bytes = 0
        """How much has come of an event that is not complete."""
        self.progress: Progress | None = None
        """How far the prompt was read, by the latest report."""
        self._frame: Frame | None = None

    def feed(self, piece: bytes) -> None:
        """Read a piece of the reply's body."""
        if self._sse is not None:
            self._read_events(self._sse.feed(piece))
            self.pending_bytes = self._sse.pending_bytes
        elif self._size <= MAX_BODY:
            self._size += len(piece)
            self._body.append(piece)

    def finish(self) -> Reply:
        """The reply when no more bytes will come."""
        if self._sse is not None:
            if self.pending_bytes:
                self._read_events(self._sse.finish())
        elif self._size <= MAX_BODY:
            self._read_body(b"".join(self._body))
            self._body = []
        reply = self.reply()
        return reply if self.progress is None else replace(reply, progress=self.progress)

    def _read_events(self, events: Iterable[Event]) -> None:
        for event in events:
            data, frame = event.data, self._frame
            if frame is not None and (text := frame.text_of(data)) is not None:
                frame.texts.append(text)
                self.has_output |= text != ""
            elif value := read_json(data):
                self._says(value)
                if (growth := self._event(value)) is not None:
                    self._frame = _frame_of(data, *growth)
            else:
                self._word(data)

    def _read_body(self, body: bytes) -> None:
        """Read a body that is no stream."""
        value = read_json(body)
        self._says(value)
        self._whole(value)

    def _says(self, value: Json) -> None:
        """What any object may say of the reply: its id, and how far the prompt was read."""
        self._named(value)
        if isinstance(found := value.get("prompt_progress"), dict):
            self.progress = read_progress(found) or self.progress

    def _named(self, value: Json) -> None:
        if isinstance(found := value.get("id"), str):
            self._id = found

    @abstractmethod
    def reply(self) -> Reply:
        """What has been understood so far."""

    @abstractmethod
    def _event(self, value: Json) -> Growth | None:
        """Read one event of a stream. What it adds, if those that differ in nothing but that text are read when
        it is added, too."""

    def _word(self, data: bytes) -> None:
        """Read one whose data is no object, or an empty one. Most streams have none that says anything."""
        del data

    @abstractmethod
    def _whole(self, value: Json) -> None:
        """Read a body that is no stream."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the text of an event. Nearly all events of a reply differ in nothing else, and reading
    the text alone costs a quarter. `texts`: where it goes."""

    head: bytes
    tail: bytes
    texts: list[str]

    def text_of(self, data: bytes) -> str | None:
        """The text of an event; None if it differs in more. What is no JSON string between the two is more."""
        end = len(data) - len(self.tail)
        if end < len(self.head) or not (data.startswith(self.head) and data.endswith(self.tail)):
            return None
        try:
            text = orjson.loads(b'"%b"' % data[len(self.head) : end])
        except orjson.JSONDecodeError:
            return None
        return text if isinstance(text, str) else None


def _frame_of(data: bytes, name: bytes, text: str, texts: list[str]) -> Frame | None:
    """The frame of an event in which the member of this name is the text; None if that is not certain."""
    if data.count(name) != 1:
        return None
    start = data.index(b'"', data.index(name) + len(name))
    frame = Frame(data[: start + 1], data[string_end(data, start) - 1 :], texts)
    return frame if frame.text_of(data) == text else None


def read_json(data: bytes) -> Json:
    """The object in `data`; an empty one if it is none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def error_text(error: object) -> str:
    """What an error says of itself."""
    if isinstance(error, dict) and isinstance(message := error.get("message"), str):
        return message
    return error if isinstance(error, str) else "unknown error"
