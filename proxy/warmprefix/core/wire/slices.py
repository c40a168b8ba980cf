"""JSON text as slices: where a value begins and ends.

The proxy never re-dumps what it does not change, because a re-dump loses number spelling, repeated
members and integers beyond 64 bits (orjson turns those into floats). So values are located by
position, decoded one by one if they must be read, and put back as the bytes they came as.

Locating a slice does not validate it: a strict parser decodes it before it is trusted.
"""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import orjson

from warmprefix.core.errors import NotUnderstood

# A group that repeats is atomic, (?>(?:...)*), and never possessive, (?:...)*+: Python before 3.11.5, which
# Debian 12 has, matches wrongly with that (https://github.com/python/cpython/issues/106052).
_PLAIN_STRING = rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
# From quote to quote, which is eight times as fast as testing each byte for a quote or a backslash: a quote
# after a single backslash is escaped, one after none is the end. Only longer runs of backslashes are counted.
_STRING = rb'(?:"[^"]*+(?>(?:(?<=[^\\]\\)"[^"]*+)*)(?<!\\)"|' + _PLAIN_STRING + rb")"
# A long one, as a picture is, is left to string_end: a search for one byte is twenty times as fast as a
# pattern, beside which no other thread runs.
_SHORT = rb'(?!"[^"]{65536})' + _STRING
# Matches an empty end if no bracket follows; otherwise a search would start again at every byte that is left.
_BRACKET = re.compile(rb'(?>(?:[^\[\]{}"]++|' + _SHORT + rb")*)([\[\]{}]|)", re.DOTALL)
_LEVELS = 8
"""The depth to which a value is located in one step; if it is deeper, it is walked bracket by bracket."""


def _nested() -> bytes:
    """A pattern for an array or object, nested at most _LEVELS deep."""
    inner = rb"(?!)"
    for _ in range(_LEVELS):
        inner = rb'[\[{](?>(?:[^\[\]{}"]++|' + _SHORT + rb"|" + inner + rb")*)[\]}]"
    return inner


_NESTED = re.compile(_nested(), re.DOTALL)
_ITEMS = re.compile(rb'(?>(?:[^\[\]{}"]++|' + _SHORT + rb"|" + _nested() + rb")*)", re.DOTALL)
"""Whole values and what stands between them."""
_WINDOW_BYTES = 256 * 1024
"""How much is matched in one step, 2 ms at most: beside a pattern no other thread runs."""
_LONG_BYTES = 65536
_LONG = re.compile(rb'"[^"]{65536}')
_CONTROL = re.compile(rb"[\x00-\x1f]")
_SIMPLE = re.compile(rb'[^\s,\[\]{}":]++')
_KEY = re.compile(rb"[ \t\r\n]*+(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+", re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*+")
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_BLANKS = b" \t\r\n"
_OPEN = frozenset((b"[", b"{"))

Span = tuple[int, int]
_NONE: Mapping[str, list[Span]] = {}


def close_of(text: bytes, start: int) -> int:
    """Position after the bracket that closes the one at `start`. Raises NotUnderstood."""
    depth, at = 0, start
    while True:
        for found in _BRACKET.finditer(text, at):  # pragma: no branch - it always finds something
            at = found.end()
            if not found[1]:
                break
            depth += 1 if found[1] in _OPEN else -1
            if depth == 0:
                return at
        if text[at : at + 1] != b'"':
            raise NotUnderstood("a bracket is never closed")
        at = string_end(text, at)


def string_end(text: bytes, start: int) -> int:
    """Position after the string that begins at `start`. Raises NotUnderstood."""
    end = text.find(b'"', start + 1)
    if end > 0 and text[end - 1 : end] != b"\\":
        return end + 1
    found = _WHOLE_STRING.match(text, start)  # there are escapes
    if found is None:
        raise NotUnderstood("a string is never closed")
    return found.end()


def value_end(text: bytes, start: int) -> int:
    """Position after the value that begins at `start`. Raises NotUnderstood."""
    first = text[start : start + 1]
    if first == b'"':
        return string_end(text, start)
    if first in _OPEN:
        shallow = _NESTED.match(text, start, start + _WINDOW_BYTES)
        return _large_end(text, start) if shallow is None else shallow.end()
    found = _SIMPLE.match(text, start)
    if found is None:
        raise NotUnderstood(f"no JSON value at byte {start}")
    return found.end()


def _large_end(text: bytes, start: int) -> int:
    """Position after the array or object at `start`, which is large, deep, or has something like that in it."""
    at = start + 1
    while True:
        found = _ITEMS.match(text, at, at + _WINDOW_BYTES)
        assert found is not None  # the pattern matches the empty string
        if found.end() > at:
            at = found.end()
            continue
        mark = text[at : at + 1]
        if mark == b'"':
            at = string_end(text, at)
        elif mark in _OPEN:
            at = close_of(text, at)
        elif mark:
            return at + 1
        else:
            raise NotUnderstood("a bracket is never closed")


def members(
    text: bytes, start: int = 0, inside: Mapping[str, list[Span]] = _NONE
) -> dict[str, Span]:
    """The span of each member's value in the object that begins at `start`, in order of arrival.

    `inside`: for members that are arrays, lists to fill with the spans of their elements, so that a large array
    is walked once; if such a list has elements already, the walk continues after the last of them.
    Raises NotUnderstood for anything but an object, and if a member appears twice: the parsers of client and
    backend may disagree on which of the two counts.
    """
    spans: dict[str, Span] = {}
    if text[start : start + 1] != b"{":
        raise NotUnderstood("not a JSON object")
    at = blank_end(text, start + 1)
    if text[at : at + 1] == b"}":
        return spans
    while True:
        key = _KEY.match(text, at)
        if key is None:
            raise NotUnderstood(f"no member name at byte {at}")
        name: str = decode(key[1])
        if name in spans:
            raise NotUnderstood(f"member {name!r} appears twice")
        if name in inside and text[key.end() : key.end() + 1] == b"[":
            end = _walk(text, key.end(), inside[name])
        else:
            end = value_end(text, key.end())
        spans[name] = (key.end(), end)
        at = blank_end(text, end)
        if text[at : at + 1] != b",":
            break
        at += 1
    if text[at : at + 1] != b"}":
        raise NotUnderstood(f"an object is not closed at byte {at}")
    return spans


def top_level(text: bytes, inside: Mapping[str, list[Span]] = _NONE) -> dict[str, Span]:
    """The same for a text that is one object and nothing else. Raises NotUnderstood, also if it is empty."""
    spans = members(text, blank_end(text, 0), inside)
    if not spans:
        raise NotUnderstood("an empty object")
    end = max(stop for _, stop in spans.values())
    if blank_end(text, blank_end(text, end) + 1) != len(text):
        raise NotUnderstood("text after the JSON object")
    return spans


def elements(text: bytes, start: int = 0) -> list[Span]:
    """Spans of the elements of the array that begins at `start`. Raises NotUnderstood."""
    spans: list[Span] = []
    if text[start : start + 1] != b"[":
        raise NotUnderstood("not a JSON array")
    _walk(text, start, spans)
    return spans


def _walk(text: bytes, start: int, spans: list[Span]) -> int:
    """Add the spans of an array's elements to those already in `spans`; the position after its end."""
    if not spans:
        at = blank_end(text, start + 1)
        if text[at : at + 1] == b"]":
            return at + 1
        spans.append((at, value_end(text, at)))
    while text[(at := blank_end(text, spans[-1][1])) : at + 1] == b",":
        at = blank_end(text, at + 1)
        spans.append((at, value_end(text, at)))
    if text[at : at + 1] != b"]":
        raise NotUnderstood(f"an array is not closed at byte {at}")
    return at + 1


def blank_end(text: bytes, start: int) -> int:
    """Position of the first byte at or after `start` that is not JSON white space."""
    found = _BLANK.match(text, start)
    assert found is not None  # the pattern matches the empty string
    return found.end()


def decode(raw: bytes) -> Any:  # only here does JSON become Python values of any type
    """The value of one slice. Raises NotUnderstood if a strict parser refuses it."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotUnderstood(str(error)) from error


def values_of(text: bytes, spans: Mapping[str, Span], but: Container[str] = ()) -> dict[str, Any]:
    """The values of an object's members, `but` for those of these names. Raises NotUnderstood."""
    return {
        name: decode(text[start:end]) for name, (start, end) in spans.items() if name not in but
    }


def decode_short(raw: bytes) -> tuple[Any, bool]:
    """The value of one slice with its long strings emptied, and whether it has none. Raises NotUnderstood."""
    short = without_long_strings(raw)
    return decode(raw if short is None else short), short is None


def without_long_strings(raw: bytes) -> bytes | None:
    """`raw` with its long strings emptied, to be decoded in its place: it is JSON if this is. None if it has
    none, or one with an escape or anything but ASCII, which only a parser can judge.

    A picture is millions of such bytes, which a parser would copy with no other thread beside it.
    """
    pieces, at = [], 0
    while len(raw) - at > _LONG_BYTES and (found := _LONG.search(raw, at)) is not None:
        start = found.start()
        end = raw.find(b'"', found.end())
        if end < 0 or not _is_plain(raw, start + 1, end):
            return None
        pieces.append(raw[at : start + 1])
        at = end
    return b"".join((*pieces, raw[at:])) if pieces else None


def _is_plain(raw: bytes, start: int, end: int) -> bool:
    """Whether a slice is ASCII without escapes and control characters, looked at step by step."""
    steps = (raw[at : min(at + _WINDOW_BYTES, end)] for at in range(start, end, _WINDOW_BYTES))
    return all(
        step.isascii() and b"\\" not in step and _CONTROL.search(step) is None for step in steps
    )


def is_json(raw: bytes) -> bool:
    """Whether a lenient parser reads `raw`: lone surrogates, which orjson refuses, included."""
    try:
        # As text: given bytes, json would guess whether they are UTF-16.
        json.loads(raw.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return False
    return True


def string(text: str) -> bytes:
    """`text` as JSON. Lone surrogates, which orjson refuses, are written as escapes."""
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        return json.dumps(text).encode()


def compact(raw: bytes) -> bytes:
    """`raw` without white space between its tokens. Strings and numbers keep their spelling."""
    if not any(blank in raw for blank in _BLANKS):
        return raw
    return b"".join(compact_pieces(raw, 0, len(raw)))


def compact_pieces(raw: bytes, start: int, end: int) -> list[bytes | memoryview]:
    """The pieces of what `compact` makes of a slice. Strings are not copied: one may be a picture."""
    pieces: list[bytes | memoryview] = []
    view, at = memoryview(raw), start
    while (quote := raw.find(b'"', at, end)) >= 0:
        pieces.append(raw[at:quote].translate(None, _BLANKS))
        try:
            at = string_end(raw, quote)
        except NotUnderstood:  # it is no JSON, and equals nothing but itself from here on
            return [*pieces, view[quote:end]]
        pieces.append(view[quote:at])
    return [*pieces, raw[at:end].translate(None, _BLANKS)]


def write_object(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """An object made of values that are already written. They are copied once: one may be all messages."""
    pieces = [piece for name, value in pairs for piece in (b",", string(name), b":", value)]
    return b"".join((b"{", *pieces[1:], b"}"))


def write_array(elements: Iterable[bytes]) -> bytes:
    """An array made of elements that are already written. They are copied once."""
    pieces = [piece for element in elements for piece in (b",", element)]
    return b"".join((b"[", *pieces[1:], b"]"))


def in_order(
    values: Mapping[str, bytes | None], keys: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    """The values that are present: those of `keys` first, in their order."""
    for key in (*keys, *(key for key in values if key not in keys)):
        value = values.get(key)
        if value is not None:
            yield key, value
