"""`warmprefix explain`: why the cache broke in one turn, and what would have prevented it."""

import contextlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from warmprefix.cli.settings import USAGE_STATUS, say
from warmprefix.cli.tail import (
    ApiKeyOption,
    is_coloured,
    plain_console,
    quiet_end,
)
from warmprefix.cli.which import UrlOption, asking

Record = Mapping[str, object]

KEPT_TURNS = 1000
"""Turns that a proxy remembers."""


def command(
    turn: Annotated[
        str | None, typer.Argument(metavar="[TURN]", help="Id of the turn, as in the log.")
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="The newest turn with a break; the default without TURN.")
    ] = False,
    url: UrlOption = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read this log instead; - is standard input."),
    ] = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Say where a prompt stopped matching the one before, why, what it cost, and what would have prevented it.

    The texts before and after are shown, with the change marked, if the proxy runs with
    `log.excerpts = true`. The exit status is 1 if there is no such turn.

    Examples: `warmprefix explain --last`, `warmprefix explain 5b1c88f0a2d4 --log turns.log`
    """
    if turn is not None and last:
        say("flag --last means the newest turn with a break; leave out TURN")
        raise typer.Exit(USAGE_STATUS)
    with quiet_end():
        record = from_proxy(url, api_key, turn) if log is None else from_log(log, turn)
        if record is None:
            say(missing(turn))
            raise typer.Exit(1)
        show(record)


def from_log(log: Path, turn: str | None) -> Record | None:
    """The turn in a log. Ends the command if the log cannot be read."""
    try:
        with contextlib.ExitStack() as stack:
            standard = str(log) == "-"
            lines = sys.stdin.buffer if standard else stack.enter_context(log.open("rb"))
            return newest(lines, turn)
    except OSError as error:
        say(f"{log}: cannot be read: {error.strerror}")
        raise typer.Exit(USAGE_STATUS) from None


def from_proxy(url: str | None, api_key: str | None, turn: str | None) -> Record | None:
    """The turn of a running proxy. Ends the command if it does not answer."""
    from warmprefix.cli.tail_line import parse_record

    with asking(url, api_key) as feed:
        if turn is None:
            found = newest(feed.last(KEPT_TURNS), None)
            turn = None if found is None else str(found.get("turn"))
        line = None if turn is None else feed.one(turn)
    return None if line is None else parse_record(line)


def newest(lines: Iterable[bytes], turn: str | None) -> Record | None:
    """The last record of this turn; without a turn, the last one with a break."""
    from warmprefix.cli.tail_line import parse_record

    found = None
    for line in lines:
        record = parse_record(line)
        if record is not None and is_wanted(record, turn):
            found = record
    return found


def is_wanted(record: Record, turn: str | None) -> bool:
    """Whether this is the turn; without a turn, whether it has a break."""
    return isinstance(record.get("break"), Mapping) if turn is None else record.get("turn") == turn


def missing(turn: str | None) -> str:
    """The message if there is no such turn."""
    if turn is None:
        return "no turn with a cache break: nothing to explain"
    return (
        f"no turn {turn}: ids are in the log's field `turn` and in `warmprefix tail --explain`; a "
        f"proxy remembers the last {KEPT_TURNS:,} turns"
    )


def show(record: Record) -> None:
    """Prints the explanation."""
    from warmprefix.cli.explain_text import explained

    console = plain_console()
    for line in explained(record, coloured=is_coloured(console)):
        console.print(line)
