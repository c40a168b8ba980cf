"""The values themselves: what one is equal to, and what it is a slice of."""

from warmprefix.core.types import OpaquePart, RawJson

WHOLE = RawJson(b'[{"type":"image"},{"type":"image"},{"type":"audio"}]')
FIRST, SECOND, THIRD = (OpaquePart(WHOLE, at, at + 16) for at in (1, 18, 35))


def test_a_part_has_the_bytes_of_its_slice() -> None:
    assert FIRST.raw == b'{"type":"image"}'
    assert FIRST.size == len(FIRST.raw)


def test_by_default_it_is_all_of_what_it_is_made_of() -> None:
    assert OpaquePart(WHOLE).raw is WHOLE


def test_parts_are_equal_by_their_bytes_wherever_these_stand() -> None:
    alone = OpaquePart(RawJson(b'{"type":"image"}'))

    assert FIRST == SECOND == alone
    assert hash(FIRST) == hash(SECOND) == hash(alone)
    assert FIRST != THIRD
    assert OpaquePart(WHOLE, 1, 16) != FIRST
    assert FIRST.raw != FIRST
