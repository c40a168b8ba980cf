"""Numbers in replies: what is no count is not reported."""


def count(value: object) -> int | None:
    """A count of tokens; None if it is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count and isinstance(value, int) else None
