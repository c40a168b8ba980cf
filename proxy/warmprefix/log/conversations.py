"""The remembered turns, added up by conversation."""

from collections.abc import Iterable, Sequence

from warmprefix.log.record import Record


def conversations(newest_first: Iterable[Record]) -> list[Record]:
    """One summary for each conversation, the one with the newest turn first.

    A turn whose body was not understood belongs to none.
    """
    found: dict[object, list[Record]] = {}
    for record in newest_first:
        if record["conversation"] is not None:
            found.setdefault(record["conversation"], []).append(record)
    return [_summary(turns) for turns in found.values()]


def _summary(newest_first: Sequence[Record]) -> Record:
    """`prompt_tokens` and `cached_tokens` count only turns that reported both, so that they can be compared."""
    newest, oldest = newest_first[0], newest_first[-1]
    compared = [
        turn
        for turn in newest_first
        if turn["prompt_tokens"] is not None and turn["cached_tokens"] is not None
    ]
    return {
        "id": newest["conversation"],
        "client": newest["client"],
        "model": next((turn["model"] for turn in newest_first if turn["model"]), None),
        "turns": len(newest_first),
        "first": oldest["time"],
        "last": newest["time"],
        "prompt_tokens": _total(compared, "prompt_tokens"),
        "cached_tokens": _total(compared, "cached_tokens"),
        "processed_tokens": _total(newest_first, "processed_tokens"),
        "breaks": sum(turn["break"] is not None for turn in newest_first),
    }


def _total(turns: Iterable[Record], name: str) -> int | None:
    """The sum of what was reported; None if nothing was."""
    reported = [value for turn in turns if isinstance(value := turn[name], int)]
    return sum(reported) if reported else None
