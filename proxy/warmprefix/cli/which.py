"""Which running proxy a command speaks to if none is named."""

import os
from typing import Annotated

import typer

from warmprefix.cli.settings import USAGE_STATUS

DEFAULT_URL = "http://127.0.0.1:8484"
UrlOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="A running proxy, here or on another machine "
        f"[default: the one that runs here, or {DEFAULT_URL}].",
    ),
]


def which(url: str | None) -> str:
    """The address: as given, else that of the only proxy that runs here, else the default one. Ends the command
    if several run."""
    from warmprefix.config.running import running, running_folder

    if url is not None:
        return url
    found = running(running_folder(os.environ))
    if len(found) > 1:
        listed = ", ".join(f"{one.url} (process {one.pid})" for one in found)
        typer.echo(f"warmprefix: several proxies run here: {listed}; name one with --url", err=True)
        raise typer.Exit(USAGE_STATUS)
    return found[0].url if found else DEFAULT_URL
