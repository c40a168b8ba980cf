"""Tool-call ids that a client can work with: the one place where a reply's bytes are changed.

A backend that returns an empty id, or one id for every call, makes clients drop calls and results
(https://github.com/NousResearch/hermes-agent/issues/70724). Such an id is replaced before the client
sees it; every other byte of the reply stays. The way back needs no table: the ledger remembers the
message as it was generated, ids included, and sends it so.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Message
from warmprefix.core.wire.slices import Span, decode, elements, members, string

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 9  # Mistral's templates answer 400 to any other length
_MARK = b'"tool_calls"'
_LIMIT = 4 * 1024 * 1024  # an event longer than this is passed on unread

Edit = tuple[int, int, bytes]
Json = Mapping[str, object]
CallIndex = tuple[int, int]  # of the choice, of the call in it


class CallIds:
    """Makes the ids of one reply unique within its conversation. `seed`: differs for every turn."""

    def __init__(self, messages: Iterable[Message], seed: str) -> None:
        self._used = {call.id for message in messages for call in message.tool_calls if call.id}
        self._seed = seed
        self._begun: dict[CallIndex, str] = {}
        self.held = b""
        """The beginning of an event whose end has not come yet; what is left of it when the stream ends."""

    def body(self, body: bytes) -> bytes:
        """A whole reply with its ids made unique; the same object where they were."""
        return self._edited(body, 0, body, b"message")

    def piece(self, piece: bytes) -> bytes:
        """What can be passed on of a stream after `piece`: all of it but an unfinished event."""
        text = self.held + piece if self.held else piece
        new = max(len(self.held) - 3, 0)  # what was held has no end in it
        ends = (text.rfind(b"\n\n", new), text.rfind(b"\r\n\r\n", new), text.rfind(b"\r\r", new))
        end = max(ends[0] + 2, ends[1] + 4, ends[2] + 2)
        if end < 4 and not text.endswith((b"\n\n", b"\r\r")):  # rfind found nothing
            end = 0
        if len(text) - end > _LIMIT:
            end = len(text)
        whole, self.held = text[:end], text[end:]
        return self._events(whole) if _MARK in whole else whole

    def end(self) -> bytes:
        """The beginning of an event that never came to its end."""
        return self.held

    def _events(self, text: bytes) -> bytes:
        lines = text.splitlines(keepends=True)
        return b"".join(self._line(line) if _MARK in line else line for line in lines)

    def _line(self, line: bytes) -> bytes:
        start = line.find(b"{")
        if start < 0 or line[:start].rstrip(b" \t") != b"data:":
            return line
        end = len(line.rstrip(b"\r\n"))
        return self._edited(line, start, line[start:end], b"delta")

    def _edited(self, text: bytes, offset: int, value: bytes, key: bytes) -> bytes:
        try:
            edits = self._edits(value, key.decode())
        except NotUnderstood:
            return text
        for start, end, new in sorted(edits, reverse=True):
            text = text[: offset + start] + new + text[offset + end :]
        return text

    def _edits(self, value: bytes, key: str) -> list[Edit]:
        found: list[Edit] = []
        if _MARK not in value or self._are_unique(_read(value), key):
            return found
        for number, (start, _) in enumerate(_inside(value, 0, "choices")):
            choice = members(value, start)
            place = choice.get(key)
            if place is None or value[place[0] : place[0] + 1] != b"{":
                continue
            at = _index(value, choice, number)
            for position, (first, _) in enumerate(_inside(value, place[0], "tool_calls")):
                spans = members(value, first)
                # A whole message holds whole calls; in a stream the index says which call goes on.
                call = position if key == "message" else _index(value, spans, position)
                found += self._call(value, first, spans, (at, call))
        return found

    def _are_unique(self, reply: object, key: str) -> bool:
        """Whether every call keeps its id, as nearly all do: then the bytes need not be taken apart."""
        new: dict[CallIndex, str] = {}
        for index, call in _calls(reply, key):
            given = call.get("id")
            known = self._begun.get(index) or new.get(index)
            if known is not None:
                if given and given != known:
                    return False
            elif (
                not isinstance(given, str)
                or not given
                or given in self._used
                or given in new.values()
            ):
                return False
            else:
                new[index] = given
        self._begun.update(new)
        self._used.update(new.values())
        return True

    def _call(
        self, value: bytes, start: int, spans: Mapping[str, Span], index: CallIndex
    ) -> list[Edit]:
        given = decode(value[slice(*spans["id"])]) if "id" in spans else None
        known = self._begun.get(index)
        if known is not None:
            # A later piece of a call: its id, where it is repeated, must be the one given before.
            return [(*spans["id"], string(known))] if given and given != known else []
        if isinstance(given, str) and given and given not in self._used:
            self._begun[index] = given
            self._used.add(given)
            return []
        new = self._new(index)
        if "id" in spans:
            return [(*spans["id"], string(new))]
        return [(start + 1, start + 1, b'"id":' + string(new) + (b"," if spans else b""))]

    def _new(self, index: CallIndex) -> str:
        attempt = 0
        while True:
            digest = blake2b(
                f"{self._seed}:{index}:{attempt}".encode(), digest_size=_LENGTH
            ).digest()
            name = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)
            if name not in self._used:
                break
            attempt += 1
        self._begun[index] = name
        self._used.add(name)
        return name


def _read(value: bytes) -> object:
    """The JSON in `value`; nothing if no client could read it. Lone surrogates may stand in it."""
    try:
        # As text: of bytes it would guess whether they are UTF-16.
        return json.loads(value.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None


def _calls(reply: object, key: str) -> Iterator[tuple[CallIndex, Json]]:
    """The calls in what was read, each with its place."""
    for number, choice in enumerate(_objects(reply, "choices")):
        at = choice.get("index", number)
        for position, call in enumerate(_objects(choice.get(key), "tool_calls")):
            which = position if key == "message" else call.get("index", position)
            yield (
                (
                    (at if isinstance(at, int) else number),
                    (which if isinstance(which, int) else position),
                ),
                call,
            )


def _objects(value: object, key: str) -> list[Json]:
    found = value.get(key) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _index(value: bytes, spans: Mapping[str, Span], default: int) -> int:
    found = decode(value[slice(*spans["index"])]) if "index" in spans else default
    return found if isinstance(found, int) else default


def _inside(value: bytes, start: int, key: str) -> list[tuple[int, int]]:
    """Spans of the objects in the array `key` of the object at `start`; none where there is no array."""
    place = members(value, start).get(key)
    if place is None or value[place[0] : place[0] + 1] != b"[":
        return []
    return [span for span in elements(value, place[0]) if value[span[0] : span[0] + 1] == b"{"]
