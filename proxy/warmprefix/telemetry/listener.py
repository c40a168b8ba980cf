"""Makes a span and measurements of each turn. Nothing of it is waited for, and all of it is behind a wall.

Three moments: a request goes out (its trace is passed on), its exchange has ended (what only that knows is put
aside), its turn is logged (the span is made, with what the listeners have found).
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from warmprefix.backends.base import Headers
from warmprefix.backends.known import KnownBackend
from warmprefix.core.turn import Turn
from warmprefix.pipeline.stages import Ended, Patch
from warmprefix.telemetry.attributes import Attributes, Call
from warmprefix.telemetry.messages import input_messages, output_messages

_PUT_ASIDE = 1000  # exchanges whose turn is still being explained; a handful in practice
_PORTS = {"http": 80, "https": 443}


class Exporter(Protocol):
    """Delivers spans and measurements, in threads of its own."""

    def outgoing(self, came: Mapping[str, str]) -> Mapping[str, str]:
        """Headers that carry the trace of a request which came with these, to be sent on."""

    def turn(self, turn: Turn, call: Call) -> None:
        """Deliver a turn, some time."""

    def close(self) -> None:
        """Deliver what waits, but not for long. Blocks."""


class Ends:
    """The listener to the ends of one backend's exchanges."""

    reason = "telemetry"

    def __init__(self, telemetry: "Telemetry", known: KnownBackend, url: str) -> None:
        self._telemetry = telemetry
        self._known = known
        parts = urlsplit(url)
        self._address, self._port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)

    def ended(self, ended: Ended) -> Patch:
        """An exchange has ended."""
        self._telemetry.put_aside(ended, self._known.name, self._address, self._port)
        return {}


class Telemetry:
    """Exports every turn. `shows_text`: the user wants what was said, too."""

    reason = "telemetry"

    def __init__(self, exporter: Exporter, *, shows_text: bool = False) -> None:
        self._exporter = exporter
        self._shows_text = shows_text
        self._calls: OrderedDict[str, Call] = OrderedDict()

    def outgoing(self, headers: Headers) -> Headers:
        """A client's headers with the trace of the request that goes out."""
        came = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        carried = self._exporter.outgoing(came)
        if not carried:
            return headers
        new = [(name.lower().encode(), value.encode("latin-1")) for name, value in carried.items()]
        names = {name for name, _ in new}
        return [*((name, value) for name, value in headers if name not in names), *new]

    def put_aside(self, ended: Ended, provider: str, address: str, port: int) -> None:
        """Keep what only the exchange knows until its turn is logged."""
        came, reply = ended.came, ended.reply
        request = came.request
        is_plain = request is not None and request.prompt.is_plain
        self._calls[came.turn] = Call(
            operation="text_completion" if is_plain else "chat",
            provider=provider,
            address=address,
            port=port,
            model=came.model,
            response_id=reply.id,
            finish=reply.finish_word,
            came=came.headers,
            sent={n.decode("latin-1"): v.decode("latin-1") for n, v in ended.headers},
            said=self._said(ended) if self._shows_text else {},
        )
        while len(self._calls) > _PUT_ASIDE:
            self._calls.popitem(last=False)

    def _said(self, ended: Ended) -> Attributes:
        """What the client asked and what was answered."""
        request, reply = ended.came.request, ended.reply
        found: dict[str, str] = {}
        if request is not None:
            found["gen_ai.input.messages"] = input_messages(request.prompt)
        if reply.message is not None:
            found["gen_ai.output.messages"] = output_messages(reply.message, reply.finish_word)
        return found

    def saw(self, turn: Turn) -> None:
        """A turn is logged."""
        call = self._calls.pop(turn.id, None)
        if call is not None:
            self._exporter.turn(turn, call)

    def close(self) -> None:
        """Deliver what waits, but not for long. Blocks."""
        self._exporter.close()
