"""One turn of the log as one aligned, coloured line. Pure: record in, text out."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

ABSENT = "–"

GOOD_RATIO = 0.9
"""From here on green: the backend evaluated less than a tenth of the prompt."""

FAIR_RATIO = 0.5
"""From here on yellow; below, most of the prompt was evaluated again."""

FAILED_STATUS = 400


def parse_record(line: bytes) -> Mapping[str, object] | None:
    """The record in a line of the log, or None if the line is something else."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "kind" in value and "outcome" in value else None


def render_line(
    record: Mapping[str, object], *, zone: tzinfo | None = None, width: int | None = None
) -> Text:
    """The line of a turn; `zone`: None for the machine's. `width`: the columns there are, None if that does not
    matter. In fewer columns it says less, and what is wrong with a turn stands in lines of its own if it does
    not fit beside it."""
    columns = next(how for least, how in LAYOUTS if width is None or width >= least)
    line = columns(record, zone)
    if width is None:
        return Text("  ").join([line, *notes(record)])
    line.truncate(width, overflow="ellipsis")
    room = width - line.cell_len
    for more in notes(record, width - len(INDENT)):
        room -= len(INDENT) + more.cell_len
        line.append("  " if room >= 0 else f"\n{INDENT}").append_text(more)
    return line


INDENT = "  "


def all_columns(record: Mapping[str, object], zone: tzinfo | None) -> Text:
    """Everything, 97 columns and the kind."""
    ratio = number(record.get("cache_ratio"))
    line = Text()
    line.append(clock(record.get("time"), zone), "dim")
    line.append(f" {fitted(record.get('client'), 12)} ▸ {label(record):<8} ")
    line.append(f"{count(record.get('prompt_tokens')):>8} prompt")
    line.append(f"{count(record.get('cached_tokens')):>9} cached")
    line.append(f"{percent(ratio):>8}", colour(ratio))
    line.append(f"{count(record.get('processed_tokens')):>9} processed")
    return line.append(f" {seconds(record):>8}  {kind_of(record)}")


def most_columns(record: Mapping[str, object], zone: tzinfo | None) -> Text:
    """For 80 columns: without the cached tokens, which the ratio tells."""
    ratio = number(record.get("cache_ratio"))
    line = Text()
    line.append(clock(record.get("time"), zone), "dim")
    line.append(f" {fitted(record.get('client'), 10)} ▸ {label(record):<8}")
    line.append(f"{count(record.get('prompt_tokens')):>9}")
    line.append(f"{percent(ratio):>7}", colour(ratio))
    line.append(f"{count(record.get('processed_tokens')):>8} read")
    return line.append(f" {seconds(record):>8} {kind_of(record)}")


def few_columns(record: Mapping[str, object], zone: tzinfo | None) -> Text:
    """For 40 columns: when, who, how much was cached, how much was read, what kind of turn."""
    ratio = number(record.get("cache_ratio"))
    line = Text()
    line.append(clock(record.get("time"), zone)[:5], "dim")
    line.append(f" {fitted(record.get('client'), 8)}")
    line.append(f"{percent(ratio):>7}", colour(ratio))
    return line.append(f"{count(record.get('processed_tokens')):>8} {kind_of(record)}")


LAYOUTS = ((108, all_columns), (80, most_columns), (0, few_columns))
"""By the columns that each needs, the kind included."""


def notes(record: Mapping[str, object], width: int | None = None) -> list[Text]:
    """What is wrong with the turn: a failure, what failed open, a cache break; each of `width` columns at
    most. The cause of a break is shown rather than its place."""
    found = Text(), Text(), Text()
    append_failure(found[0], record)
    append_failed_open(found[1], record.get("failed_open"))
    append_break(found[2], record.get("break"))
    if width is not None:
        if found[2].cell_len > width:
            found[2].truncate(0)
            append_cause(found[2], record.get("break"))
        for one in found:
            one.truncate(width, overflow="ellipsis")
    return [one for one in found if one.plain]


def fitted(value: object, width: int) -> str:
    """A value as text of exactly so many columns; a character of some scripts takes two."""
    text = plain(value)
    return set_cell_size(text if cell_len(text) <= width else f"{chop(text, width - 1)}…", width)


def chop(text: str, width: int) -> str:
    """The beginning of a text that takes so many columns at most."""
    return set_cell_size(text, width).rstrip() if cell_len(text) > width else text


def render_other(line: bytes) -> Text:
    """A line that is no turn, unchanged but for characters that could control a terminal."""
    return Text(plain(line.decode("utf-8", "replace").rstrip("\r\n")), "dim")


def append_failure(line: Text, record: Mapping[str, object]) -> None:
    """Adds outcome and status in red if the turn failed."""
    outcome, status = record.get("outcome"), record.get("status")
    failed = isinstance(status, int) and status >= FAILED_STATUS
    if outcome == "ok" and not failed:
        return
    shown = "" if status is None else f" {plain(status)}"
    line.append(f"{plain(outcome)}{shown}", "bold red")


def append_failed_open(line: Text, names: object) -> None:
    """Adds the parts of the proxy that failed open, if any."""
    if isinstance(names, list) and names:
        line.append(f"failed open: {', '.join(map(plain, names))}", "magenta")


def append_break(line: Text, found: object) -> None:
    """Adds the position and the cause of a cache break, if there is one."""
    if not isinstance(found, Mapping):
        return
    line.append(f"✂ {plain(found.get('path'))}", "yellow")
    line.append(f" {plain(found.get('cause'))}", "bold yellow")


def append_cause(line: Text, found: object) -> None:
    """The same, the cause first."""
    if isinstance(found, Mapping):
        line.append(f"✂ {plain(found.get('cause'))}", "bold yellow")
        line.append(f" {plain(found.get('path'))}", "yellow")


def kind_of(record: Mapping[str, object]) -> str:
    """The kind of a turn. A request that came to nothing has none: it says nothing about the cache."""
    counts = number(record.get("processed_tokens")), number(record.get("generated_tokens"))
    is_failed = record.get("outcome") != "ok" and counts == (None, None)
    return "failed" if is_failed else plain(record.get("kind"))


def label(record: Mapping[str, object]) -> str:
    """Eight characters for the conversation; a side request belongs to none."""
    return "side" if record.get("kind") == "side" else plain(record.get("conversation"))[:8]


def clock(value: object, zone: tzinfo | None) -> str:
    """Hours, minutes and seconds of an ISO 8601 text or of seconds since 1970."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        else:
            moment = datetime.fromtimestamp(number(value) or 0.0, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{clip(plain(value), 8):<8}"
    if value is None:
        return f"{ABSENT:<8}"
    return moment.astimezone(zone).strftime("%H:%M:%S")


def number(value: object) -> float | None:
    """A number as it is; None for anything else, true and false included."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def count(value: object) -> str:
    """A count with separators: 12,034."""
    counted = number(value)
    return ABSENT if counted is None else f"{counted:,.0f}"


def percent(ratio: float | None) -> str:
    """A ratio as a percentage; 100.0% only if all tokens were cached, so it is cut, not rounded."""
    return ABSENT if ratio is None else f"{int(ratio * 1000 + 1e-9) / 10:.1f}%"


def colour(ratio: float | None) -> str:
    """The colour of a cache ratio."""
    if ratio is None:
        return "dim"
    if ratio >= GOOD_RATIO:
        return "green"
    return "yellow" if ratio >= FAIR_RATIO else "red"


def seconds(record: Mapping[str, object]) -> str:
    """How long the user waited: to the first token of a stream, otherwise to the end."""
    waited = number(record.get("ttft_ms" if record.get("stream") else "total_ms"))
    if waited is None:
        return f"{ABSENT} s"
    return f"{waited / 1000:,.1f} s"


def plain(value: object) -> str:
    """A value as text that cannot control a terminal; None is a dash."""
    if value is None:
        return ABSENT
    return "".join(char if char.isprintable() or char == "\t" else "�" for char in str(value))


def clip(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis if it is wider."""
    return text if len(text) <= width else text[: width - 1] + "…"
