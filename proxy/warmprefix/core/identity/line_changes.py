"""The lines in which two texts differ, with bounded work however large and different the texts are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_REACH = 64  # lines: how far two texts may run apart before the same line comes again
_WINDOW = 64 * 1024  # characters in which it must come again
_TELLING = 3  # characters of a line that can hardly be the same by accident


@dataclass(frozen=True, slots=True)
class Change:
    """Lines of the one text that stand where those of the other do. `at`: where the new ones begin, in
    characters of the new text."""

    old: Sequence[str]
    new: Sequence[str]
    at: int


def line_changes(before: str, after: str) -> Iterator[Change | None]:
    """The changes in order, found as they are asked for; None, and no more, if the texts run too far apart."""
    end = _shared_end(before, after, _shared(before, 0, after, 0))
    stop, new_stop = _line_end(before, len(before) - end), _line_end(after, len(after) - end)
    i = j = 0
    while i <= stop or j <= new_stop:
        run = min(_shared(before, i, after, j), stop - i, new_stop - j)  # not into the shared end
        begin = max(before.rfind("\n", i, i + max(run, 0)) + 1, i)
        i, j = begin, j + begin - i
        old, new = _lines(before, i, stop), _lines(after, j, new_stop)
        same = int(old[:1] == new[:1])  # the last line of one text, which goes on in the other
        step = _next_same(old, new) if not same else (0, 0)
        if step is None:
            yield None
            return
        if not same:
            yield Change(old[: step[0]], new[: step[1]], j)
        i += _size(old[: step[0] or same])
        j += _size(new[: step[1] or same])


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _lines(text: str, start: int, stop: int) -> list[str]:
    """The next lines of a text. One that the window cuts off differs from any line of the other text, or is so
    long that nobody looks at it."""
    if start > stop:
        return []
    return text[start : min(stop, start + _WINDOW)].split("\n", _REACH + 1)


def _shared(one: str, i: int, other: str, j: int) -> int:
    """Characters that two texts share from there. By doubling and halving, since comparing slices is fast."""
    most = min(len(one) - i, len(other) - j)
    low, step = 0, 256
    while low < most:
        step = min(step, most - low)
        if one[i + low : i + low + step] == other[j + low : j + low + step]:
            low += step
            step *= 2
        elif step == 1:
            break
        else:
            most = low + step
            step //= 2
    return low


def _shared_end(one: str, other: str, start: int) -> int:
    """Characters that they share from the end, without those from the start."""
    low, high = 0, min(len(one), len(other)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _next_same(old: Sequence[str], new: Sequence[str]) -> tuple[int, int] | None:
    """How many lines of each to go to the next line that is in both; the rest, if that is near."""
    left, right = len(old), len(new)
    for distance in range(1, _REACH + 1):
        if distance < min(left, right) and old[distance] == new[distance]:
            return distance, distance
        for less in range(distance - 1, -1, -1):
            for a, b in ((distance, less), (less, distance)):
                if a < left and b < right and old[a] == new[b] and _is_telling(old[a]):
                    return a, b
    return (left, right) if max(left, right) <= _REACH else None


def _is_telling(line: str) -> bool:
    return len(line.strip()) >= _TELLING
