"""JSON text compared by value, so that a re-serialised text is recognised as the same.

Equal: other key order, other blanks, other escapes, 1e1 and 10.0. Different: 1 and 1.0, true and 1,
null and an absent member, any two strings, arrays in another order. Text that is not JSON, or names
a member twice, or nests deeper than Python reads, equals nothing but itself.
"""

import json
from typing import Any

_TEXT = b"t"  # tags keep a value from ever looking like an unparsable text
_VALUE = b"v"


def is_value(text: str) -> bool:
    """Whether `text` is JSON that every parser reads alike."""
    return value_key(text).startswith(_VALUE)


def value_key(text: str) -> bytes:
    """Bytes that are equal exactly where two JSON texts are equal as values."""
    try:
        value = _DECODER.decode(text)
        return _VALUE + json.dumps(value, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return _TEXT + text.encode("utf-8", "surrogatepass")


def arguments_key(text: str) -> bytes:
    """The same for arguments of a call that a client has read and written anew: a member that is false may have
    been added from the tool's schema, and a number without a fraction has lost its point.

    Claude Code 2.1.197 puts `"replace_all": false` in front and writes 5000.0 as 5000.
    """
    try:
        value = _LOOSE.decode(text)
        if isinstance(value, dict) and "o" in value:
            named = [pair for pair in value["o"] if pair[1] is not False]
            return _VALUE + json.dumps({"o": named}, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        pass  # it is told by its text
    return value_key(text)


# Python objects mark what is not a list or a string: the text read can hold none of them itself,
# for its own objects are marked too.


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        raise ValueError("a member appears twice")
    # Sorted by name only: two values need not be comparable, and no name is there twice.
    return {"o": sorted(pairs, key=lambda pair: pair[0])}


def _integer(text: str) -> dict[str, str]:
    return {"i": text}  # by its digits: no limit on their number, nothing rounded


def _float(text: str) -> dict[str, str]:
    number = float(text)
    return {"f": repr(number) if abs(number) != float("inf") else text}


def _loose_float(text: str) -> dict[str, str]:
    number = float(text)
    return _integer(str(int(number))) if number.is_integer() else _float(text)


def _constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
_LOOSE = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_loose_float,
    parse_constant=_constant,
)
