"""Shared by the commands: what they say, and the configuration: its option, loading it, and its errors."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.core.errors import ConfigError

if TYPE_CHECKING:
    from warmprefix.config import Effective

DEFAULT_FILE = Path("warmprefix.toml")

USAGE_STATUS = 2
"""The exit status of a wrong command line; a wrong configuration is the same kind of mistake."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings (TOML). Default: ./warmprefix.toml if it exists.",
    ),
]


def say(message: str) -> None:
    """One line for the user, on standard error."""
    typer.echo(f"warmprefix: {message}", err=True)


def usable_key(key: str | None) -> str | None:
    """The key of an option; one that no header can carry ends the command."""
    from warmprefix.config.checks import checked_token

    try:
        return checked_token(key)
    except ValueError as error:
        raise typer.BadParameter(f"the key {error}") from None


def chosen_file(file: Path | None) -> Path | None:
    """The settings file of a command; None if none was named and there is no usual one."""
    return DEFAULT_FILE if file is None and DEFAULT_FILE.is_file() else file


def effective(file: Path | None, flags: Mapping[str, object]) -> "Effective":
    """The configuration of a command; raises ConfigError."""
    from warmprefix.config import load
    from warmprefix.profiles import rule_names

    file = chosen_file(file)
    return load(file, os.environ, flags, rule_names=rule_names())


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns a ConfigError into exit status 2 and a line on standard error for each problem."""
    try:
        yield
    except ConfigError as error:
        for line in str(error).splitlines():
            say(line)
        raise typer.Exit(USAGE_STATUS) from None
