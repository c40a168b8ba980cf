"""How far the backend has come with a prompt: the proxy asks, and takes the answer out of the stream.

With `return_progress` llama-server says in a stream how much of the prompt it has read, after each batch
(tools/server/server-task.cpp, `prompt_progress`; b11669: chat completions, responses and text completions; on
`/v1/messages` it drops the option). Older builds ignore it. The events with that are left out of what the
client gets; every other byte stays. Only with the setting `backend.ask_progress`.
"""

import re
from collections.abc import Iterator

from warmprefix.core.wire.sse import EventCutter, data_of
from warmprefix.dialects.base import Request
from warmprefix.dialects.bodies import with_member
from warmprefix.dialects.reader import read_json

_OPTION = "return_progress"
_ANSWER = "prompt_progress"
_MEMBER = re.compile(rb',"prompt_progress":\{[^{}]*\}')
_LIMIT = 1024 * 1024  # an event longer than this is none with progress


class AskedProgress:
    """Asks, and takes the answer out. `said_again`: by what an event is recognised that the backend says with
    the first progress and once more without, when the prompt is read; empty if it says it only once."""

    reason = "ask-progress"

    def __init__(self, said_again: bytes = b"") -> None:
        self._said_again = said_again

    def asking(self, request: Request, body: bytes) -> bytes | None:
        """`body`, which is sent for `request`, with progress asked for; every other byte as it is.

        None if the client speaks of it itself, or wants no stream.
        """
        if not request.stream or _OPTION in request.members:
            return None
        return with_member(body, _OPTION, b"true")

    def without(self) -> "WithoutProgress":
        """What takes the answer out of the stream again."""
        return WithoutProgress(self._said_again)


class WithoutProgress:
    """A stream without progress: the first event that has some loses that member, the others are left out.

    The first waits for the next event without progress, as it would have come no sooner if nobody had asked,
    and is dropped if that says the same.
    """

    def __init__(self, said_again: bytes) -> None:
        self._said_again = said_again
        self._events = EventCutter()
        self._first = b""
        self._is_known = False

    @property
    def held(self) -> bytes:
        """The first event that had progress, and the beginning of one whose end has not come yet."""
        return self._first + self._events.held

    def piece(self, piece: bytes) -> bytes:
        """What can be passed on after `piece`."""
        passed = b"".join(self._passed(self._events.feed(piece)))
        if len(self._events.held) <= _LIMIT:
            return passed
        rest, self._events = self.held, EventCutter()
        self._first = b""
        return passed + rest

    def end(self) -> bytes:
        """What came of an event that has no end; nothing if it holds progress."""
        rest, self._events = self._events.held, EventCutter()
        return b"".join(self._passed([rest] if rest else [])) + self._take(b"")

    def _passed(self, events: list[bytes]) -> Iterator[bytes]:
        for event in events:
            if not _has_progress(event):
                yield self._take(event) + event
            elif not self._is_known:
                self._is_known = True
                self._first = _MEMBER.sub(b"", event)

    def _take(self, event: bytes) -> bytes:
        """The first event, in front of the first one without progress. A comment is none: llama-server sends
        one after 30 seconds of silence."""
        if event and self._first and not data_of(event):
            return b""
        first, self._first = self._first, b""
        return b"" if self._said_again and self._said_again in event else first


def _has_progress(event: bytes) -> bool:
    # Most events are not parsed.
    return _MEMBER.search(event) is not None and isinstance(
        read_json(data_of(event)).get(_ANSWER), dict
    )
