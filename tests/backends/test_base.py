"""Which headers belong to the message, and which to one connection."""

import pytest

from warmprefix.backends.base import HOP_BY_HOP, Headers, end_to_end

KEPT = (b"X-Mine", b"1")

ROWS: list[tuple[str, Headers, Headers]] = [
    ("none", [], []),
    ("kept-in-order", [KEPT, (b"accept", b"a"), KEPT], [KEPT, (b"accept", b"a"), KEPT]),
    ("named", [(b"connection", b"x-mine"), KEPT, (b"b", b"2")], [(b"b", b"2")]),
    ("named-among-others", [(b"Connection", b"close, X-MINE ,te"), KEPT], []),
    ("named-behind", [KEPT, (b"connection", b"x-mine")], []),
    ("named-twice", [(b"connection", b"close"), (b"connection", b"x-mine"), KEPT], []),
    ("not-a-part-of-a-name", [(b"connection", b"x-min"), KEPT], [KEPT]),
    ("value-is-no-name", [(b"accept", b"connection"), KEPT], [(b"accept", b"connection"), KEPT]),
]


@pytest.mark.parametrize(("given", "kept"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_headers_of_the_connection_are_dropped(given: Headers, kept: Headers) -> None:
    assert end_to_end(given) == kept


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_a_header_of_the_standard_is_dropped_in_any_case(name: bytes) -> None:
    assert end_to_end([(name, b"v"), KEPT, (name.upper(), b"v")]) == [KEPT]
