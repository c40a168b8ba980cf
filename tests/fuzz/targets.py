"""What must hold for any bytes: one function a parser, run by the fuzzer and by `test_corpus.py`.

A target takes bytes and raises AssertionError where a promise is broken; any other exception is a
broken promise too, since NotUnderstood is the only one that is documented. `said.py` says what a
body means without using the parser that is under test.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from itertools import pairwise

from tests import chat_dialect
from tests.fuzz.said import Number, around, lenient, said
from warmprefix.core.canonical import Canonicalizer, choose_rules
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Reply
from warmprefix.core.wire.sse import Event, SseReader
from warmprefix.dialects.canonical_body import canonicalize_body
from warmprefix.dialects.chat_completions.ids import CallIds
from warmprefix.dialects.chat_completions.reply import ChatReader

_MAX_CUTS = 8


def body(data: bytes) -> None:
    """A request body: understood or not, and whatever is written says what was received."""
    try:
        request = chat_dialect.parse(data)
    except NotUnderstood:
        return
    assert chat_dialect.render(request, request.prompt) == data
    for written in (_sent(data), _for_people(data)):
        _check_meaning(data, written)
    _check_slot(data, chat_dialect.with_slot(data, 3))


def _sent(data: bytes) -> bytes:
    """What the proxy sends for a body of which it remembers nothing."""
    canonicalizer = Canonicalizer(choose_rules())
    sent = _canonical(canonicalizer, data)
    assert _canonical(canonicalizer, data) == sent, "a message that is remembered is another one"
    assert _canonical(canonicalizer, sent) == sent, "the canonical form is not its own"
    return sent


def _canonical(canonicalizer: Canonicalizer, data: bytes) -> bytes:
    request = chat_dialect.parse(data)
    result = canonicalizer.run(request.prompt)
    assert not result.failed, result.failed
    sent = chat_dialect.render(request, result.prompt)
    assert result.rules or sent == data, "changed, and no rule says so"
    return sent


def _for_people(data: bytes) -> bytes:
    """What `warmprefix canonicalize` prints."""
    canonical = canonicalize_body(data).body
    again = canonicalize_body(canonical)
    assert again.body == canonical
    assert not again.steps, again.steps
    return canonical


def _check_meaning(data: bytes, written: bytes) -> None:
    """`written` is the same request as `data`. Nothing is said of nesting that Python cannot read."""
    if written == data:
        return
    with contextlib.suppress(RecursionError):
        before, after = lenient(data), lenient(written)
        assert before is not None, "what is not JSON was changed"
        assert after is not None, "what was written is not JSON"
        assert around(after) == around(before)
        assert said(after) == said(before)


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
    for is_stream in (True, False):
        assert _reply(is_stream, pieces) == _reply(is_stream, [stream])
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


def _reply(is_stream: bool, pieces: Sequence[bytes]) -> Reply:
    reader = ChatReader(is_stream)
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


TARGETS: dict[str, Callable[[bytes], None]] = {"sse": sse, "body": body}
"""The targets by the name that `run.py` knows them by."""
