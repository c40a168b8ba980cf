"""Changes of a request body that leave it JSON more often than not: values move, double, or turn odd.

libFuzzer's own changes are of bytes; most of them end at the parser. Half of all changes are still its.
"""

import random
import re
from collections.abc import Callable
from typing import NamedTuple

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.wire.slices import value_end

_BLANKS = rb"[ \t\r\n]*"
_BEFORE = re.compile(
    rb',?%b("[^"\\]*"%b:)%b|[\[,]%b' % (_BLANKS, _BLANKS, _BLANKS, _BLANKS)
)  # a name, or what stands in front of an element
_NAMES = (
    *("messages", "role", "content", "tool_calls", "tool_call_id", "name", "reasoning_content"),
    *("id", "type", "function", "arguments", "text", "tools", "cache_control", "parameters", "x"),
    *("system", "input", "thinking", "signature", "tool_use_id", "is_error", "input_schema"),
    *("instructions", "call_id", "output", "summary", "status", "annotations"),
)
_ODD = (
    *(b"null", b"true", b"1e1", b"-0", b"0.10", b"123456789012345678901234567890", b"NaN"),
    *(b"[]", b"{}", b"[[]]", b"[null]", b'""', b'" "', b'"\\n"', b'"\\u00a0"', b'"\\ud83d"'),
    *(
        b'"\xc3\xa9 a\\n"',
        b'"{}"',
        b'"{\\"b\\":1,\\"a\\":1.0}"',
        b'"{\\"a\\":1,\\"a\\":2}"',
        b'"id"',
    ),
    *(b'{"type":"text","text":"a "}', b'{"type":"text","text":"b","cache_control":{}}', b'"text"'),
    *(b'{"type":"image_url","image_url":{}}', b'{"function":{"arguments":{"b":[ 1 ]},"name":"f"}}'),
    *(b'{"role":"tool","tool_call_id":"c","content":"r"}', b'"c"', b'"f"', b'"system"', b'"user"'),
    *(b'{"type":"tool_use","id":"c","name":"f","input":{"b":[1.0]}}', b'"function_call"'),
    b'{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"r"}]}',
    b'{"type":"thinking","thinking":"t","signature":""}',
    b'{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"t"}]}',
    b'{"type":"function_call","call_id":"c","name":"f","arguments":"{\\"b\\": 1}"}',
    b'{"type":"function_call_output","call_id":"c","output":"r"}',
    *(b'{"type":"input_text","text":"a"}', b'{"type":"output_text","text":"a","annotations":[]}'),
    *(b'"assistant"', b'"tool"', b'"developer"', b'"x-anthropic-billing-header: a\\nYou are b"'),
)
_TRIES = 8  # a comma inside a text is followed by no value

Change = Callable[[bytes, int], bytes]


class Place(NamedTuple):
    """A value in a body: `begin` is that of the comma and the name in front, where there are any."""

    begin: int
    start: int
    end: int
    is_member: bool


def mutate_body(data: bytes, max_size: int, seed: int, change_bytes: Change) -> bytes:
    """Another body, of `max_size` bytes at most. `change_bytes` is libFuzzer's own change."""
    chance = random.Random(seed)
    if chance.random() < 0.5 or not _places(data, chance):
        return change_bytes(data, max_size)
    for _ in range(chance.randint(1, 3)):
        if places := _places(data, chance):
            data = _changed(data, chance.choice(places), chance.choice(places), chance)
    return data[:max_size]


def _changed(data: bytes, place: Place, other: Place, chance: random.Random) -> bytes:
    value = chance.choice((data[other.start : other.end], chance.choice(_ODD)))
    name = b'"%b":' % chance.choice(_NAMES).encode() if place.is_member else b""
    before, behind = data[: place.start], data[place.end :]
    match chance.randrange(4):
        case 0:  # another value in its place
            return before + value + behind
        case 1:  # one more behind it
            return data[: place.end] + b"," + name + value + behind
        case 2 if place.is_member:  # another name
            comma = b"," if data[place.begin : place.begin + 1] == b"," else b""
            return data[: place.begin] + comma + name + data[place.start :]
        case _:  # gone
            if data[place.begin : place.begin + 1] == b",":
                return data[: place.begin] + behind
            return data[: place.begin if place.is_member else place.start] + behind.removeprefix(
                b","
            )


def _places(data: bytes, chance: random.Random) -> list[Place]:
    """Where some of the values are."""
    found = list(_BEFORE.finditer(data))
    places: list[Place] = []
    for before in chance.sample(found, min(_TRIES, len(found))):
        try:
            end = value_end(data, before.end())
        except NotUnderstood:
            continue
        places.append(Place(before.start(), before.end(), end, before[1] is not None))
    return places
