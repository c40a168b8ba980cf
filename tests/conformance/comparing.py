"""Two answers to the same request, compared field for field."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.chance import (
    CONNECTION_HEADERS,
    IDS,
    IS_METRIC_OF_CHANCE,
    IS_NUMBER_OF_CHANCE,
    MAY_BE_ADDED,
    OWN_LENGTH,
    RANDOM_ID,
    STARTED,
)
from tests.fakes.raw_client import Answer

Value = Any
MASKED = re.compile(rb'"(\w+)":("[^"]*"|-?[\d.][\d.eE+-]*)')


class Spelling(str):
    """A JSON number as it was written: 1.0 and 1.00 differ."""

    __slots__ = ()


@dataclass(frozen=True)
class Difference:
    """One field that is not the same, or is on one side only (None on the other)."""

    path: str
    direct: object
    through: object

    def __str__(self) -> str:
        return f"{self.path}: directly {self.direct!r}, through the proxy {self.through!r}"


@dataclass
class Labels:
    """Random ids by order of first use: what has the same id on one side has it on the other."""

    seen: dict[str, int] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """The id with its random letters replaced; a text that is not random stays as it is."""
        found = RANDOM_ID.match(text)
        if found is None:
            return text
        number = self.seen.setdefault(found["random"], len(self.seen))
        return f"{found['prefix']}#{number}"


def media_type(answer: Answer) -> str:
    """The content type without its parameters."""
    return (answer.header("content-type") or "").split(";")[0].strip()


def parsed(answer: Answer) -> Value:
    """The body in fields: JSON with numbers as spelled, events in order, or the lines of a text.

    An event is a list of [field, value] pairs, a comment has the empty field name.
    """
    kind = media_type(answer)
    text = answer.body.decode("utf-8", "backslashreplace")
    if kind == "application/json" and text:
        return _json(text)
    if kind == "text/event-stream":
        return [_event(event) for event in text.split("\n\n")]
    return text.split("\n")


def _json(text: str) -> Value:
    return json.loads(
        text, parse_int=Spelling, parse_float=Spelling, object_pairs_hook=_without_repetition
    )


def _without_repetition(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    assert len(members) == len(pairs), f"a member is repeated: {[name for name, _ in pairs]}"
    return members


def _event(text: str) -> list[tuple[str, Value]]:
    fields = []
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        is_json = name == "data" and value.lstrip().startswith("{")
        fields.append((name, _json(value) if is_json else value))
    return fields


def differences(direct: Answer, through: Answer) -> list[Difference]:
    """All fields that differ beyond chance.py. Empty where the two are the same answer."""
    found = [*_head(direct, through)]
    sides = (Labels(), Labels())
    found += _values("body", parsed(direct), parsed(through), sides)
    if not found and _masked(direct) != _masked(through):
        found.append(Difference("bytes", _masked(direct), _masked(through)))
    return found


def _head(direct: Answer, through: Answer) -> Iterator[Difference]:
    yield from _pair("status", direct.status, through.status)
    yield from _pair("reason", _reason(direct), _reason(through))
    yield from _pair("complete", direct.complete, through.complete)
    yield from _pair("chunked", _is_chunked(direct), _is_chunked(through))
    names = [name for name, _ in _headers(direct)]
    other = [name for name, _ in _headers(through)]
    if MAY_BE_ADDED.isdisjoint(map(str.lower, names)):
        other = [name for name in other if name.lower() not in MAY_BE_ADDED]
    yield from _pair("header names", sorted(names), sorted(other))
    for name in sorted({*names} & {*other}):
        if name.lower() not in (OWN_LENGTH, STARTED):
            yield from _pair(f"header {name.lower()}", _all(direct, name), _all(through, name))
    yield from _lengths(direct, through)


def _lengths(direct: Answer, through: Answer) -> Iterator[Difference]:
    """The announced length of both, where it is not the length of what came."""
    said = [answer.header(OWN_LENGTH) for answer in (direct, through)]
    right = [str(len(answer.body)) for answer in (direct, through)]
    if None not in said and said != right:
        yield from _pair(f"header {OWN_LENGTH}", *said)


def _reason(answer: Answer) -> str:
    return answer.status_line.decode("latin-1").partition(" ")[2].partition(" ")[2]


def _is_chunked(answer: Answer) -> bool:
    return (answer.header("transfer-encoding") or "").lower() == "chunked"


def _headers(answer: Answer) -> list[tuple[str, str]]:
    """Without those of the connection. Names count as they are spelled."""
    return [pair for pair in answer.headers if pair[0].lower() not in CONNECTION_HEADERS]


def _all(answer: Answer, name: str) -> list[str]:
    return [value for key, value in _headers(answer) if key == name]


def _pair(path: str, direct: object, through: object) -> Iterator[Difference]:
    if direct != through:
        yield Difference(path, direct, through)


def _values(
    path: str, direct: Value, through: Value, sides: tuple[Labels, Labels]
) -> Iterator[Difference]:
    name = path.rpartition(".")[2]
    if type(direct) is not type(through):
        yield Difference(path, direct, through)
    elif isinstance(direct, dict):
        yield from _pair(f"{path}.(members)", list(direct), list(through))
        for key in [key for key in direct if key in through]:
            yield from _values(f"{path}.{key}", direct[key], through[key], sides)
    elif isinstance(direct, list | tuple):
        yield from _pair(f"{path}.(length)", len(direct), len(through))
        for index, (one, other) in enumerate(zip(direct, through, strict=False)):
            yield from _values(f"{path}.{index}", one, other, sides)
    elif isinstance(direct, Spelling):
        if not IS_NUMBER_OF_CHANCE.fullmatch(name):
            yield from _pair(path, direct, through)
    elif isinstance(direct, str) and name in IDS:
        yield from _pair(path, sides[0].of(direct), sides[1].of(through))
    elif isinstance(direct, str) and path.count(".") == 1:  # a line of a text
        yield from _pair(path, _without_measure(direct), _without_measure(through))
    else:
        yield from _pair(path, direct, through)


def _without_measure(line: str) -> str:
    name, blank, number = line.rpartition(" ")
    is_measured = IS_METRIC_OF_CHANCE.fullmatch(name) and float(number) >= 0
    return f"{name}{blank}" if is_measured else line


def _masked(answer: Answer) -> bytes:
    """The bytes without what is of chance: white space, escapes and line ends count as well."""
    if media_type(answer) not in ("application/json", "text/event-stream"):
        return b""  # already compared line by line
    return MASKED.sub(_mask, answer.body)


def _mask(found: re.Match[bytes]) -> bytes:
    name, value = found[1].decode(), found[2].decode("latin-1")
    is_id = name in IDS and RANDOM_ID.match(value.strip('"'))
    is_number = IS_NUMBER_OF_CHANCE.fullmatch(name) and not value.startswith('"')
    return b'"' + found[1] + b'":?' if is_id or is_number else found[0]
