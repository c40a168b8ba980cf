"""The counts of a streamed reply whose client has not asked for them: the proxy asks, and takes the answer out.

Most servers count a stream only if `stream_options.include_usage` says so; the counts then come as a last event
without choices (https://platform.openai.com/docs/api-reference/chat/streaming). That event is left out of what
the client gets; every other byte stays. Only with the setting `backend.ask_usage`.
"""

import re

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.wire.slices import members, top_level
from warmprefix.core.wire.sse import EventCutter, data_of
from warmprefix.dialects.base import Request
from warmprefix.dialects.bodies import with_member
from warmprefix.dialects.reader import read_json

_OPTIONS = "stream_options"
_USAGE = "include_usage"
_ASKED = b'{"include_usage":true}'
_WITHOUT_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_LIMIT = 1024 * 1024  # an event longer than this is none with counts alone


class AskedUsage:
    """Asks, and takes the answer out."""

    reason = "ask-usage"

    def asking(self, request: Request, body: bytes) -> bytes | None:
        """`body`, which is sent for `request`, with the counts asked for; every other byte as it is.

        None if the client asks itself, wants no stream, or says something that is not understood. What an
        object without `include_usage` means differs: vLLM then counts (`StreamOptions`,
        vllm/entrypoints/openai/engine/protocol.py), so such a client has asked.
        """
        if not request.stream:
            return None
        if _OPTIONS not in request.members:
            return with_member(body, _OPTIONS, _ASKED)
        try:
            start, end = top_level(body)[_OPTIONS]
            if body[start:end] == b"null":
                return body[:start] + _ASKED + body[end:]
            first, last = members(body, start).get(_USAGE, (0, 0))
        except NotUnderstood:
            return None
        if body[first:last] not in (b"false", b"null"):
            return None
        return body[:first] + b"true" + body[last:]

    def without(self) -> "WithoutUsage":
        """What takes the answer out of the stream again."""
        return WithoutUsage()


ASKED_USAGE = AskedUsage()


class WithoutUsage:
    """A stream without the events that hold counts and nothing else."""

    def __init__(self) -> None:
        self._events = EventCutter()

    @property
    def held(self) -> bytes:
        """The beginning of an event whose end has not come yet."""
        return self._events.held

    def piece(self, piece: bytes) -> bytes:
        """What can be passed on after `piece`: all whole events but those that hold only counts."""
        passed = b"".join(event for event in self._events.feed(piece) if not _is_usage(event))
        return passed + self._take() if len(self.held) > _LIMIT else passed

    def end(self) -> bytes:
        """What came of an event that has no end; nothing if it holds only counts."""
        rest = self._take()
        return b"" if _is_usage(rest) else rest

    def _take(self) -> bytes:
        rest, self._events = self._events.held, EventCutter()
        return rest


def _is_usage(event: bytes) -> bool:
    if _WITHOUT_CHOICES.search(event) is None:
        return False
    value = read_json(data_of(event))
    return value.get("choices") == [] and isinstance(value.get("usage"), dict)
