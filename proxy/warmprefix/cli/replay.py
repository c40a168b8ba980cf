"""`warmprefix replay`: runs a captured session again, without a backend."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.settings import ConfigOption, effective, one_line_errors, say
from warmprefix.cli.tail import is_coloured, plain_console, quiet_end
from warmprefix.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from warmprefix.capture.line import Captured
    from warmprefix.config import Config

RuleOption = list[str] | None


def command(
    capture: Annotated[
        Path,
        typer.Argument(
            metavar="CAPTURE", help="A file written by serve --capture; - is standard input."
        ),
    ],
    rules: Annotated[
        bool, typer.Option("--rules", help="Also show what each rule saves, by leaving it out.")
    ] = False,
    enable: Annotated[
        RuleOption, typer.Option(metavar="RULE", help="Add this opt-in rule. May be repeated.")
    ] = None,
    disable: Annotated[
        RuleOption, typer.Option(metavar="RULE", help="Leave this rule out. May be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, for programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Run a captured session through the rules and the ledger again, and say what they would save.

    Shows each turn as it was captured, where its prompt stopped matching the one before, how much of that one
    it would continue through the proxy, and a total. Nothing is sent anywhere. Saved tokens are estimated, from
    characters at the turn's own ratio.

    Examples: `warmprefix replay captures/capture-20260301T120431-7.jsonl --rules`,
    `warmprefix replay day.jsonl --enable freeze-volatile`
    """
    with one_line_errors():
        settings = chosen(config, tuple(enable or ()), tuple(disable or ()))
        data = opened(capture)
    session, bad = read(data, str(capture))
    with quiet_end():
        if session:
            show(session, settings, rules=rules, as_json=as_json)
        else:
            say(f"{capture}: no captured turn")
    raise typer.Exit(1 if bad or not session else 0)


def chosen(config: Path | None, enable: tuple[str, ...], disable: tuple[str, ...]) -> "Config":
    """The configuration with the rules of the flags. Raises ConfigError."""
    from dataclasses import replace

    from warmprefix.cli.canonicalize import check_rules

    check_rules("--enable", enable)
    check_rules("--disable", disable)
    settings = effective(config, {}).config
    rules = settings.canonicalize
    return replace(
        settings,
        canonicalize=replace(
            rules, enable=(*rules.enable, *enable), disable=(*rules.disable, *disable)
        ),
    )


def opened(capture: Path) -> "Iterable[bytes]":
    """The lines of the capture; raises ConfigError if it cannot be read."""
    if str(capture) == "-":
        return sys.stdin.buffer
    try:
        return capture.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{capture}: cannot be read: {error.strerror}") from None


def read(lines: "Iterable[bytes]", name: str) -> "tuple[list[Captured], int]":
    """The captured turns, and the number of lines that are none; each of those is named on standard error."""
    from warmprefix.capture.line import BadLine, turn_of

    session, bad = [], 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            session.append(turn_of(line))
        except BadLine as error:
            say(f"{name} line {number}: {error}")
            bad += 1
    return session, bad


def show(session: "list[Captured]", config: "Config", *, rules: bool, as_json: bool) -> None:
    """Replays the session and prints it."""
    import asyncio

    from warmprefix.capture.replay import replayed, without_each
    from warmprefix.cli.replay_text import json_lines, text_lines

    steps = asyncio.run(replayed(session, config))
    rows = asyncio.run(without_each(session, config, steps)) if rules else None
    if as_json:
        for value in json_lines(steps, rows):
            typer.echo(value)
        return
    console = plain_console()
    for line in text_lines(steps, rows, coloured=is_coloured(console)):
        console.print(line)
