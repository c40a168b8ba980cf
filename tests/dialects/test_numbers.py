"""What is a count of tokens, and what is none."""

import pytest

from warmprefix.dialects.numbers import count

COUNTS = [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("1", None), (None, None)]


@pytest.mark.parametrize(("value", "expected"), COUNTS)
def test_a_count_is_a_whole_number_from_zero_on(value: object, expected: int | None) -> None:
    assert count(value) is expected
