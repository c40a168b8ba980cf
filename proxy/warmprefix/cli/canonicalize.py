"""`warmprefix canonicalize`: the canonical form of request bodies, without a proxy."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.settings import ConfigOption, effective, one_line_errors
from warmprefix.core.errors import ConfigError, NotUnderstood

if TYPE_CHECKING:
    from rich.console import Console

    from warmprefix.core.rules.base import Rule
    from warmprefix.dialects.base import Dialect, Request
    from warmprefix.dialects.canonical_body import CanonicalBody

    Rules = Callable[[Request], Sequence[Rule]]

RuleOption = list[str] | None


def command(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A request body, or one per line.")
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what each rule changes and why, not the body.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Where the bodies are sent, such as /v1/messages. Else by their shape.",
        ),
    ] = None,
    disable: Annotated[
        RuleOption, typer.Option(metavar="RULE", help="Leave this rule out. May be repeated.")
    ] = None,
    enable: Annotated[
        RuleOption, typer.Option(metavar="RULE", help="Add this opt-in rule. May be repeated.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write the canonical form of a request body: equal bytes for equal prompts.

    Reads one body of `/v1/chat/completions`, `/v1/messages` or `/v1/responses`, or one per line, from FILE or
    standard input. The rules are those of the settings, and of the flags besides. It has no memory: what only a
    running proxy can restore stays as it is. If a body is not understood, it is written unchanged, and the exit
    status is 1.

    Examples: `warmprefix canonicalize body.json --diff`,
    `warmprefix canonicalize body.json --endpoint /v1/messages`,
    `cmp <(warmprefix canonicalize a.json) <(warmprefix canonicalize b.json)`
    """
    with one_line_errors():
        enabled, disabled = tuple(enable or ()), tuple(disable or ())
        check_rules("--enable", enabled)
        check_rules("--disable", disabled)
        dialect = dialect_at(endpoint)
        rules = rules_of(config, enabled, disabled)
        data = read(file)
    failed = False
    for number, body in bodies(data):
        where = f"line {number}" if number else str(file or "standard input")
        failed |= not canonicalized(body, where, diff, rules, dialect)
    raise typer.Exit(1 if failed else 0)


def read(file: Path | None) -> bytes:
    """All of the input; raises ConfigError if it cannot be read."""
    if file is None or str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None


def check_rules(flag: str, names: tuple[str, ...]) -> None:
    """Raises ConfigError if no rule has a name."""
    from warmprefix.config.checks import check_rules
    from warmprefix.core.rules import RULE_NAMES

    try:
        check_rules(names, RULE_NAMES)
    except ValueError as error:
        raise ConfigError(f"flag {flag}: {error}") from None


def rules_of(file: Path | None, enable: tuple[str, ...], disable: tuple[str, ...]) -> "Rules":
    """The rules for a request: those of the settings for its client, as far as its text shows that, and of the
    flags. Raises ConfigError."""
    from warmprefix.pipeline.rulesets import RuleSets
    from warmprefix.profiles import profile_of

    set_ = effective(file, {}).config.canonicalize
    both = replace(set_, enable=(*set_.enable, *enable), disable=(*set_.disable, *disable))
    sets = RuleSets(both)
    return lambda request: sets.of(profile_of({}, request).client).rules


def dialect_at(endpoint: str | None) -> "Dialect | None":
    """The dialect of an endpoint; None if none is named. Raises ConfigError if nothing is read there."""
    from warmprefix.config.checks import quoted
    from warmprefix.dialects import DIALECTS, dialect_of

    if endpoint is None:
        return None
    found = dialect_of(endpoint.partition("?")[0])
    if found is None:
        paths = (path for dialect in DIALECTS for path in sorted(dialect.paths))
        known = ", ".join(path for path in paths if path.startswith("/v1/"))
        raise ConfigError(
            f"flag --endpoint: {quoted(endpoint)} is no endpoint of ours; there are {known}"
        )
    return found


def bodies(data: bytes) -> list[tuple[int, bytes]]:
    """The bodies with their line numbers; number 0 if the whole input is one body."""
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if len(lines) > 1 and not is_json(data):
        return lines
    return [(0, data.strip())]


def is_json(data: bytes) -> bool:
    """Whether the bytes are one JSON value."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def canonicalized(
    body: bytes,
    where: str,
    diff: bool,
    rules: "Rules",
    dialect: "Dialect | None",
) -> bool:
    """Writes the canonical body or the diff; False if the body was not understood."""
    from rich.console import Console

    from warmprefix.dialects import dialect_by_shape
    from warmprefix.dialects.canonical_body import canonicalize_body

    spoken = dialect or dialect_by_shape(body)
    try:
        result = canonicalize_body(body, rules=rules, dialect=spoken)
    except NotUnderstood as error:
        typer.echo(f"warmprefix: {where}: not understood: {error}", err=True)
        if not diff:
            typer.echo(body)
        return False
    if diff:
        show_steps(Console(highlight=False, soft_wrap=True, markup=False), where, result)
    else:
        typer.echo(result.body)
    return True


def show_steps(console: "Console", where: str, result: "CanonicalBody") -> None:
    """Prints what each rule changed and why."""
    if not result.steps:
        console.print(f"{where}: already canonical, nothing changes", style="dim")
    for step in result.steps:
        console.print(f"{where}: {step.rule} ({step.risk})", style="bold", end="")
        console.print(f"  {step.why}", style="dim")
        console.print(f"  {step.path}")
        console.print(f"  - {step.before}", style="red")
        console.print(f"  + {step.after}", style="green")
