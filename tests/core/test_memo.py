"""The bounded memory of function results: what is asked for stays, the rest goes."""

from warmprefix.core.memo import ENTRY_BYTES, Memo


def room(entries: int, key_bytes: int) -> int:
    """For so many entries with keys of that length."""
    return entries * (key_bytes + ENTRY_BYTES)


def test_a_value_is_found_under_its_key_only() -> None:
    memo: Memo[int] = Memo(room(10, 1))
    memo.put(b"a", 1)

    assert memo.get(b"a") == 1
    assert memo.get(b"b") is None


def test_what_is_asked_for_outlives_what_is_not() -> None:
    memo: Memo[int] = Memo(room(1, 4))
    memo.put(b"kept", 1)
    memo.put(b"gone", 2)  # a new generation begins

    assert memo.get(b"kept") == 1  # and another, whose old one holds `gone` no more
    memo.put(b"next", 3)

    assert memo.get(b"kept") == 1
    assert memo.get(b"gone") is None


def test_at_most_two_generations_are_kept() -> None:
    memo: Memo[int] = Memo(room(10, 10))
    for number in range(1000):
        memo.put(b"%10d" % number, number)

    assert len(memo) <= 20
    assert memo.get(b"%10d" % 999) == 999


def test_a_key_larger_than_a_generation_is_not_remembered() -> None:
    memo: Memo[int] = Memo(room(1, 3))
    memo.put(b"abc", 1)
    memo.put(b"abcd", 2)

    assert memo.get(b"abcd") is None
    assert memo.get(b"abc") == 1


class Unread(bytes):
    """Bytes over which nobody passes."""

    def __hash__(self) -> int:
        raise AssertionError("all of it was read")


def test_what_is_never_remembered_is_not_read_to_look_it_up() -> None:
    memo: Memo[int] = Memo(room(1, 3))
    memo.put(b"abc", 1)
    memo.put(Unread(b"abcd"), 2)

    assert memo.get(Unread(b"abcd")) is None
    assert memo.all([Unread(b"abcd"), b"abc"]) == [None, 1]


def test_many_are_found_at_once() -> None:
    memo: Memo[int] = Memo(room(2, 4))
    memo.put(b"kept", 1)
    memo.put(b"gone", 2)
    memo.put(b"next", 3)  # a new generation begins

    assert memo.all([b"kept", b"none", b"next", b"kept"]) == [1, None, 3, 1]
    assert memo.all([]) == []
