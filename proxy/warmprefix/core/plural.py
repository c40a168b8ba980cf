"""A count with its noun, in all that is said to people."""


def plural(count: float, one: str, many: str = "") -> str:
    """`1 turn`, `1,204 turns`.

    `one`, `many`: what follows the count; `many` is `one` with an s if not given.
    """
    shown = f"{count:,.0f}"
    return f"{shown} {one if shown == '1' else many or f'{one}s'}"
