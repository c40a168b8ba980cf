"""The `warmprefix` command: one file for each subcommand, registered here.

A subcommand imports what it needs when it runs, so that `--help` and `--version` answer at once.
"""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from warmprefix.cli import (
    canonicalize,
    config,
    connect,
    doctor,
    explain,
    replay,
    run,
    serve,
    slots,
    tail,
    warm,
)
from warmprefix.cli.settings import say
from warmprefix.cli.tail import without_output

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # they print local variables, keys among them
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.command)
app.command("connect")(connect.command)
app.command("run", context_settings=run.PASS_ARGUMENTS)(run.command)
app.command("tail")(tail.command)
app.command("explain")(explain.command)
app.command("canonicalize")(canonicalize.command)
app.command("replay")(replay.command)
app.command("doctor")(doctor.command)
app.command("slots")(slots.command)
app.command("warm")(warm.command)
app.add_typer(config.app, name="config")


def show_version(wanted: bool) -> None:
    """Prints the version and exits if the flag is given."""
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"warmprefix {version('warmprefix')}")
        except PackageNotFoundError:
            typer.echo("warmprefix (not installed: run from a source folder)")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Keep a local model's prompt cache warm, whatever the client does.

    warmprefix sits between an OpenAI-compatible client and llama-server or Lemonade Server. It makes
    every prompt begin with the tokens that the backend already holds, and says why if that fails.

    Start: `warmprefix serve`, then `warmprefix connect` for what your client needs, and watch the cache with
    `warmprefix tail`.
    """


def main() -> None:
    """Runs the command line. With NO_COLOR help and errors are nothing but text, too."""
    if os.environ.get("NO_COLOR"):
        from typer import rich_utils

        rich_utils.COLOR_SYSTEM = None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell, with `>&-`
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    try:
        app(prog_name="warmprefix")
    except OSError as error:
        if error.errno not in _FULL:
            raise
        say(f"cannot write: {error.strerror}")
        without_output()
        sys.exit(1)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing to a file on a disk can end with."""
