"""What readers of replies have in common: pieces of bytes in, the events of a stream or a whole body out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from warmprefix.core.types import Progress, Reply
from warmprefix.core.wire.sse import Event, SseReader
from warmprefix.dialects.base import MAX_BODY
from warmprefix.dialects.counts import read_progress

Json = Mapping[str, object]


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
            self._read_events(self._sse.finish())
        elif self._size <= MAX_BODY:
            self._read_body(b"".join(self._body))
            self._body = []
        reply = self.reply()
        return reply if self.progress is None else replace(reply, progress=self.progress)

    def _read_events(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._goes_on(event.data):
                continue
            if value := read_json(event.data):
                self._says(value)
                self._event(value)
                self._learn(event.data, value)
            else:
                self._word(event.data)

    def _goes_on(self, data: bytes) -> bool:
        """Whether an event says no more than an earlier one but for its text, which is taken in."""
        del data
        return False

    def _learn(self, data: bytes, value: Json) -> None:
        """Remember what events that only go on with a text look like, if this is one."""
        del data, value

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
    def _event(self, value: Json) -> None:
        """Read one event of a stream."""

    def _word(self, data: bytes) -> None:
        """Read one whose data is no object, or an empty one. Most streams have none that says anything."""
        del data

    @abstractmethod
    def _whole(self, value: Json) -> None:
        """Read a body that is no stream."""


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
