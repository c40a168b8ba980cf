"""`warmprefix replay`: runs a captured session again, without a backend."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.completion import rules as rule_completion
from warmprefix.cli.settings import ConfigOption, effective, one_line_errors, say
from warmprefix.cli.tail import is_coloured, plain_console, quiet_end
from warmprefix.core.errors import ConfigError
from warmprefix.core.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from warmprefix.capture.line import Captured
    from warmprefix.capture.replay import Step
    from warmprefix.cli.replay_verdict import Figures, Limits
    from warmprefix.config import Config

MISSED_STATUS = 3
"""The exit status if a demand is not met."""

MOST_NAMED = 10
"""Lines that are no captured turns."""

CaptureArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CAPTURE",
        help="A file written by serve --capture, or its folder: the newest in it; - is standard input.",
    ),
]
EnableOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE",
        help="Add this opt-in rule. May be repeated.",
        autocompletion=rule_completion,
    ),
]
DisableOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE", help="Leave this rule out. May be repeated.", autocompletion=rule_completion
    ),
]
ReuseOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        metavar="PERCENT",
        help="Demand that so much of the prompts that follow another is reused.",
    ),
]
BreaksOption = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Demand that no more turns than this break."),
]
LostOption = Annotated[
    int | None,
    typer.Option(min=0, metavar="TOKENS", help="Demand that breaks lose no more tokens than this."),
]


class Form(StrEnum):
    """In what form the session is shown."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


FormOption = Annotated[
    Form, typer.Option("--format", help="For people, for programs (JSON lines), for a workflow.")
]


def command(
    capture: CaptureArgument,
    rules: Annotated[
        bool, typer.Option("--rules", help="Also show what each rule saves, by leaving it out.")
    ] = False,
    enable: EnableOption = None,
    disable: DisableOption = None,
    form: FormOption = Form.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    min_reuse: ReuseOption = None,
    max_breaks: BreaksOption = None,
    max_lost: LostOption = None,
    config: ConfigOption = None,
) -> None:
    """Run a captured session through the rules and the ledger again, and say what they would save.

    Shows each turn as it was captured, where its prompt stopped matching the one before, how much of that one
    it would continue through the proxy, and a total. Nothing is sent anywhere. Saved tokens are estimated, from
    characters at the turn's own ratio.

    What is demanded is judged through the proxy, with the rules as they are chosen here. The exit status is 3
    if it is not met, 1 if a line of the file is no captured turn.

    Examples: `warmprefix replay captures`,
    `warmprefix replay captures/capture-20260301T120431-7.jsonl --rules`,
    `warmprefix replay day.jsonl --enable freeze-volatile`,
    `warmprefix replay day.jsonl --max-breaks 0 --min-reuse 95 --format github`
    """
    from warmprefix.cli.replay_verdict import Limits

    with one_line_errors():
        settings = chosen(config, tuple(enable or ()), tuple(disable or ()))
        capture = file_of(capture)
        data = opened(capture)
    session, bad = read(data, str(capture))
    misses: list[str] = []
    with quiet_end():
        if session:
            limits = Limits(min_reuse, max_breaks, max_lost)
            misses = show(
                session, settings, limits, rules=rules, form=Form.JSON if as_json else form
            )
    for line in misses:
        say(line)
    raise typer.Exit(1 if bad or not session else MISSED_STATUS if misses else 0)


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


def file_of(capture: Path) -> Path:
    """The capture itself; of a folder the newest in it, which is named. Raises ConfigError if it has none."""
    if not capture.is_dir():
        return capture
    files = sorted(capture.glob("capture-*.jsonl"))  # their names begin with the time
    if not files:
        raise ConfigError(f"{capture}: no capture in this folder")
    say(f"the newest of {plural(len(files), 'capture')}: {files[-1]}")
    return files[-1]


def opened(capture: Path) -> "Iterable[bytes]":
    """The lines of the capture; raises ConfigError if it cannot be read."""
    if str(capture) == "-":
        return sys.stdin.buffer
    try:
        return capture.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{capture}: cannot be read: {error.strerror}") from None


def read(lines: "Iterable[bytes]", name: str) -> "tuple[list[Captured], int]":
    """The captured turns, and the number of lines that are none. Standard error names those, but not all of
    many, and one if there is no turn at all."""
    from warmprefix.capture.line import BadLine, turn_of

    session, bad = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            session.append(turn_of(line))
        except BadLine as error:
            bad.append(f"line {number}: {error}")
    if not session:
        say(f"{name}: no captured turn{f'; {bad[0]}' if bad else ''}")
        return [], len(bad)
    for problem in bad[:MOST_NAMED]:
        say(f"{name} {problem}")
    if len(bad) > MOST_NAMED:
        left = len(bad) - MOST_NAMED
        more = plural(left, "more line is no captured turn", "more lines are no captured turns")
        say(f"{name}: {more}")
    return session, len(bad)


def show(
    session: "list[Captured]", config: "Config", limits: "Limits", *, rules: bool, form: Form
) -> list[str]:
    """Replays the session and prints it; returns a line for each demand that is not met."""
    import asyncio

    from warmprefix.capture.replay import replayed, without_each
    from warmprefix.cli.replay_text import json_lines, text_lines
    from warmprefix.cli.replay_verdict import figures_of, missed

    steps = asyncio.run(replayed(session, config))
    rows = asyncio.run(without_each(session, config, steps)) if rules else None
    figures = figures_of(steps)
    misses = list(missed(figures, limits))
    if form is Form.JSON:
        for value in json_lines(steps, rows):
            typer.echo(value)
    elif form is Form.GITHUB:
        show_to_github(steps, figures, misses)
    else:
        console = plain_console()
        for line in text_lines(steps, rows, coloured=is_coloured(console)):
            console.print(line)
    return misses


def show_to_github(steps: "list[Step]", figures: "Figures", misses: list[str]) -> None:
    """Prints annotations, and adds to the summary of the workflow's step if there is one."""
    from warmprefix.cli.replay_github import annotations, summary

    for line in annotations(steps, misses):
        typer.echo(line)
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(summary(steps, figures, misses))
