"""The results as Markdown, and whether the goals were met."""

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.path.contestants import COMPLETE, DIRECT, LITELLM
from bench.path.measure import Cell, Cells, Figure, Row, event_us, median_of

HIGHEST_ADDED_MS = 1.5
LEAST_TIMES_LITELLM = 20.0
LEAST_SHARE = 1 / 3
HIGHEST_EVENT_US = 60.0
HIGHEST_FIRST_MS = 2.0
_SMALL = frozenset({"1 KB", "20 KB"})  # for larger ones events are cheap beside the request


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal and the result. `is_met` is None if it could not be measured."""

    what: str
    found: str
    is_met: bool | None


def machine() -> str:
    """The machine in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {name}, Python {platform.python_version()}"


def tables(names: Sequence[str], rows: Sequence[Row], cells: Cells) -> list[str]:
    """Three tables: whole replies, streams, and the processor time of an event."""
    whole = [row for row in rows if row.mode == "whole"]
    streams = [row for row in rows if row.mode != "whole"]
    lines = []
    if whole:
        lines += [
            "Whole replies. At 1: p50 in ms (added to direct). At 16 and 64: requests a second"
        ]
        lines += ["(share of direct). ±: half the spread of the rounds.", ""]
        lines += _table(names, whole, cells, _whole_cell)
    if streams:
        lines += [
            "",
            "Streams of 200 events: p50 in ms of the first byte (added) / of all of it.",
            "",
        ]
        lines += _table(names, streams, cells, _stream_cell)
        lines += ["", "Processor time of an event, µs (without what a whole reply costs).", ""]
        small = [row for row in streams if row.size in _SMALL]
        lines += _event_table(names, small, cells)
    return lines


def goals(cells: Cells) -> list[Goal]:
    """The goals of the path that these cells can decide."""
    return [
        _added(cells),
        _times_litellm(cells),
        _share(cells),
        _event(cells),
        _first_byte(cells),
    ]


def goal_lines(found: Iterable[Goal]) -> list[str]:
    """A table of goals."""
    words = {True: "met", False: "**missed**", None: "not measured"}
    rows = (f"| {goal.what} | {goal.found} | {words[goal.is_met]} |" for goal in found)
    return ["| goal | found | |", "|---|---|---|", *rows]


def exit_code(found: Iterable[Goal]) -> int:
    """1 if a goal was missed."""
    return int(any(goal.is_met is False for goal in found))


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table."""
    return [
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(f"| {' | '.join(r)} |" for r in rows),
    ]


def _table(
    names: Sequence[str],
    rows: Sequence[Row],
    cells: Cells,
    show: Callable[[list[Cell], list[Cell], Row], str],
) -> list[str]:
    def texts(row: Row) -> list[str]:
        direct = cells.get((DIRECT, row), [])
        each = (cells.get((name, row)) for name in names)
        return [show(found, direct, row) if found and direct else "–" for found in each]

    return markdown(["", *names], ([_label(row), *texts(row)] for row in rows))


def _label(row: Row) -> str:
    mode = "" if row.mode == "whole" else f", {row.mode}"
    return f"{row.size}{mode}, at {row.at}"


def _whole_cell(found: list[Cell], direct: list[Cell], row: Row) -> str:
    if row.at == 1:
        figure = Figure.of([cell.median_ms for cell in found])
        base = Figure.of([cell.median_ms for cell in direct]).middle
        beside = f" ({figure.middle - base:+.2f})" if found is not direct else ""
        return f"{figure.middle:.2f}{beside} ±{figure.percent:.0f}%"
    figure = Figure.of([cell.rate for cell in found])
    base = Figure.of([cell.rate for cell in direct]).middle
    beside = f" ({figure.middle / base:.3f})" if found is not direct else ""
    return f"{figure.middle:,.0f}/s{beside} ±{figure.percent:.0f}%"


def _stream_cell(found: list[Cell], direct: list[Cell], row: Row) -> str:
    del row
    base = Figure.of([cell.first_ms for cell in direct]).middle
    first = Figure.of([cell.first_ms for cell in found])
    whole = Figure.of([cell.median_ms for cell in found])
    added = f" ({first.middle - base:+.2f})" if found is not direct else ""
    return f"{first.middle:.2f}{added} ±{first.percent:.0f}% / {whole.middle:.1f}"


def _event_table(names: Sequence[str], streams: Sequence[Row], cells: Cells) -> list[str]:
    def text(name: str, row: Row) -> str:
        figure = event_us(cells, name, row.size, row.at, row.mode)
        return f"{figure.middle:.1f} ±{figure.half_spread:.1f}" if figure else "–"

    return markdown(
        ["", *names], ([_label(row), *(text(n, row) for n in names)] for row in streams)
    )


def _added_ms(cells: Cells, name: str, row: Row, pick: Callable[[Cell], float]) -> float | None:
    direct, found = median_of(cells, DIRECT, row, pick), median_of(cells, name, row, pick)
    return None if direct is None or found is None else found - direct


def _goal(what: str, value: float | None, show: str, *, is_met: Callable[[float], bool]) -> Goal:
    if value is None:
        return Goal(what, "–", None)
    return Goal(what, show.format(value), is_met(value))


def _added(cells: Cells) -> Goal:
    value = _added_ms(cells, COMPLETE, Row("20 KB", "whole", 1), lambda cell: cell.median_ms)
    what = f"20 KB, at 1: adds at most {HIGHEST_ADDED_MS} ms (p50)"
    return _goal(what, value, "+{:.2f} ms", is_met=lambda ms: ms <= HIGHEST_ADDED_MS)


def _times_litellm(cells: Cells) -> Goal:
    row = Row("20 KB", "whole", 1)
    ours = _added_ms(cells, COMPLETE, row, lambda cell: cell.median_ms)
    theirs = _added_ms(cells, LITELLM, row, lambda cell: cell.median_ms)
    value = theirs / ours if ours and theirs else None
    what = f"20 KB, at 1: adds at least {LEAST_TIMES_LITELLM:.0f} times less than LiteLLM"
    return _goal(what, value, "{:.1f} times less", is_met=lambda x: x >= LEAST_TIMES_LITELLM)


def _share(cells: Cells) -> Goal:
    row = Row("20 KB", "whole", 16)
    direct, ours = (median_of(cells, n, row, lambda cell: cell.rate) for n in (DIRECT, COMPLETE))
    value = ours / direct if direct and ours else None
    what = "20 KB, at 16: at least a third of direct's requests a second"
    return _goal(what, value, "{:.3f}", is_met=lambda share: share >= LEAST_SHARE)


def _event(cells: Cells) -> Goal:
    figure = event_us(cells, COMPLETE, "20 KB", 16, "paced")
    what = f"an event costs at most {HIGHEST_EVENT_US:.0f} µs of processor (20 KB, paced, at 16)"
    value = figure.middle if figure else None
    return _goal(what, value, "{:.1f} µs", is_met=lambda us: us <= HIGHEST_EVENT_US)


def _first_byte(cells: Cells) -> Goal:
    value = _added_ms(cells, COMPLETE, Row("20 KB", "stream", 1), lambda cell: cell.first_ms)
    what = f"20 KB, at 1: the first byte of a stream comes at most {HIGHEST_FIRST_MS:.0f} ms later (p50)"
    return _goal(what, value, "+{:.2f} ms", is_met=lambda ms: ms <= HIGHEST_FIRST_MS)
