"""What must hold for any bytes: one function a parser, run by the fuzzer and by `test_corpus.py`.

A target takes bytes and raises AssertionError where a promise is broken; any other exception is a
broken promise too, since NotUnderstood is the only one that is documented. `said.py` says what a
body means without using the parser that is under test.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

from tests.fuzz import said as chat
from tests.fuzz.said import Number, lenient
from tests.fuzz.said_native import MESSAGES as MESSAGES_JUDGE
from tests.fuzz.said_native import RESPONSES as RESPONSES_JUDGE
from warmprefix.core.canonical import Canonicalizer, choose_rules
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.identity.keys import match_key
from warmprefix.core.messages import written as written_message
from warmprefix.core.types import Reply, ToolCall
from warmprefix.core.wire.slices import is_json
from warmprefix.core.wire.sse import Event, SseReader
from warmprefix.dialects.base import Dialect, NoMemory
from warmprefix.dialects.canonical_body import canonicalize_body
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.dialects.chat_completions.ids import CallIds
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.responses import RESPONSES

_MAX_CUTS = 8


class Judge(Protocol):
    """Reads a body without the parser that is under test."""

    def around(self, value: Any, /) -> dict[str, object]:
        """The members that are no part of the prompt."""

    def said(self, value: Any, /) -> tuple[object, ...]:
        """The prompt, without what may be changed."""


def body(dialect: Dialect, judge: Judge, data: bytes) -> None:
    """A request body: understood or not, and whatever is written says what was received."""
    try:
        request = dialect.parse(data, NoMemory(dialect))
    except NotUnderstood:
        return
    if not request.read_as:
        assert dialect.render(request, request.prompt) == data
    for written in (_sent(dialect, data), _for_people(dialect, data)):
        _check_meaning(judge, data, written)
    if (chosen := dialect.with_slot(data, 3)) is not None:
        _check_slot(data, chosen)


def _sent(dialect: Dialect, data: bytes) -> bytes:
    """What the proxy sends for a body of which it remembers nothing."""
    canonicalizer = Canonicalizer(choose_rules())
    sent = _canonical(dialect, canonicalizer, data)
    again = _canonical(dialect, canonicalizer, data)
    assert again == sent, "a message that is remembered is another one"
    assert _canonical(dialect, canonicalizer, sent) == sent, "the canonical form is not its own"
    return sent


def _canonical(dialect: Dialect, canonicalizer: Canonicalizer, data: bytes) -> bytes:
    request = dialect.parse(data, NoMemory(dialect))
    result = canonicalizer.run(request.prompt)
    assert not result.failed, result.failed
    sent = dialect.render(request, result.prompt)
    assert result.rules or request.read_as or sent == data, "changed, and no rule says so"
    return sent


def _for_people(dialect: Dialect, data: bytes) -> bytes:
    """What `warmprefix canonicalize` prints."""
    canonical = canonicalize_body(data, dialect=dialect).body
    again = canonicalize_body(canonical, dialect=dialect)
    assert again.body == canonical
    assert not again.steps, again.steps
    return canonical


def _check_meaning(judge: Judge, data: bytes, written: bytes) -> None:
    """`written` is the same request as `data`. Nothing is said of nesting that Python cannot read."""
    if written == data:
        return
    with contextlib.suppress(RecursionError):
        before, after = lenient(data), lenient(written)
        assert before is not None, "what is not JSON was changed"
        assert after is not None, "what was written is not JSON"
        assert judge.around(after) == judge.around(before)
        assert judge.said(after) == judge.said(before)


def _check_slot(data: bytes, written: bytes) -> None:
    """Only the slot is another; of two members of that name the last counts."""
    with contextlib.suppress(RecursionError):
        before, after = lenient(data), lenient(written)
        assert (after is None) == (before is None)
        if before is not None:
            assert after == before | {"id_slot": Number("3")}


def sse(data: bytes) -> None:
    """A reply's bytes: however they are cut, they say the same.

    The first byte of `data` says how many cuts there are, two bytes each say where.
    """
    pieces = cut(data)
    stream = b"".join(pieces)
    assert _events(pieces) == _events([stream]) == _by_the_standard(stream)
    _check_reply(CHAT, pieces)
    passed = _with_ids(pieces)
    assert passed == _with_ids([stream])
    _check_only_ids_differ(stream, passed)


def cut(data: bytes) -> list[bytes]:
    """The stream in `data` in pieces; some may be empty."""
    count = min(data[0] % (_MAX_CUTS + 1), (len(data) - 1) // 2) if data else 0
    stream = data[1 + 2 * count :]
    places = (data[1 + 2 * at : 3 + 2 * at] for at in range(count))
    inner = sorted(int.from_bytes(place) % (len(stream) + 1) for place in places)
    return [stream[start:end] for start, end in pairwise([0, *inner, len(stream)])]


def with_cuts(stream: bytes, cuts: Sequence[int]) -> bytes:
    """The data that `cut` makes these pieces of. `cuts`: at most eight places."""
    return bytes([len(cuts)]) + b"".join(at.to_bytes(2) for at in cuts) + stream


def _events(pieces: Sequence[bytes]) -> list[Event]:
    reader = SseReader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.finish()


def _by_the_standard(stream: bytes) -> list[Event]:
    """The events as WHATWG HTML 9.2.6 says, but that the end of the stream ends an event."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[Event] = []
    for block in text.split(b"\n\n"):
        fields = [line.partition(b":") for line in block.split(b"\n")]
        values = [(name, value.removeprefix(b" ")) for name, _, value in fields]
        lines = [value for name, value in values if name == b"data"]
        names = [value for name, value in values if name == b"event"]
        if lines:
            events.append(Event(names[-1] if names else b"", b"\n".join(lines)))
    return events


def native_sse(dialect: Dialect, data: bytes) -> None:
    """The same of a reply whose bytes are never changed."""
    _check_reply(dialect, cut(data))


def _check_reply(dialect: Dialect, pieces: Sequence[bytes]) -> None:
    """However a reply is cut, it says the same; and it is known again when its client sends it back."""
    for is_stream in (True, False):
        reply = _reply(dialect, pieces, is_stream=is_stream)
        assert reply == _reply(dialect, [b"".join(pieces)], is_stream=is_stream)
        if reply.message is not None and all(map(_can_be_sent, reply.message.tool_calls)):
            back = dialect.parse_message(written_message(reply.message))
            assert match_key(back) == match_key(reply.message)


def _can_be_sent(call: ToolCall) -> bool:
    """Whether a client can make anything of the arguments that the model wrote."""
    return is_json((call.arguments or "").encode())


def _reply(dialect: Dialect, pieces: Sequence[bytes], *, is_stream: bool) -> Reply:
    reader = dialect.reader(is_stream)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


def _with_ids(pieces: Sequence[bytes]) -> bytes:
    ids = CallIds((), "seed")
    return b"".join(map(ids.piece, pieces)) + ids.held


def _check_only_ids_differ(stream: bytes, passed: bytes) -> None:
    """Calls may have got other ids; a line without a call, or that is not JSON, is the backend's."""
    for old, new in zip(stream.splitlines(True), passed.splitlines(True), strict=True):
        with contextlib.suppress(RecursionError):
            assert old == new or _without_ids(old) == _without_ids(new)


def _without_ids(line: bytes) -> str:
    """A data line's JSON but for its ids. Members named twice show as they are."""

    def others(pairs: list[tuple[str, object]]) -> list[tuple[str, object]]:
        return [(name, value) for name, value in pairs if name != "id"]

    field, bracket, value = line.partition(b"{")
    assert field.rstrip(b" \t") == b"data:"
    text = (bracket + value).decode("utf-8", "surrogatepass")
    return json.dumps(json.loads(text, object_pairs_hook=others))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": sse,
    "body": partial(body, CHAT, chat),
    "messages-sse": partial(native_sse, MESSAGES),
    "messages-body": partial(body, MESSAGES, MESSAGES_JUDGE),
    "responses-sse": partial(native_sse, RESPONSES),
    "responses-body": partial(body, RESPONSES, RESPONSES_JUDGE),
}
"""The targets by the name that `run.py` knows them by."""
