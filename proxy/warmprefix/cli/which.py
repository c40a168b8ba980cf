"""The running proxy that a command speaks to: which one if none is named, and what ends the command."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.settings import DEFAULT_FILE, USAGE_STATUS, say

if TYPE_CHECKING:
    from warmprefix.cli.follow_url import TurnFeed
    from warmprefix.config.running import Running

DEFAULT_URL = "http://127.0.0.1:8484"
_ADDRESS = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)


def usable_url(url: str | None) -> str | None:
    """The address of an option; one that no request can go to ends the command."""
    if url is not None and not _ADDRESS.match(url):
        say(f'flag --url: "{url}" is not an address like {DEFAULT_URL}')
        raise typer.Exit(USAGE_STATUS)
    return url


UrlOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="A running proxy, here or on another machine "
        f"[default: the one that runs here, or {DEFAULT_URL}].",
        callback=usable_url,
    ),
]


def running_here() -> "tuple[Running, ...]":
    """The proxies that run on this machine."""
    from warmprefix.config.running import running, running_folder

    return running(running_folder(os.environ))


def only_one() -> "Running | None":
    """The proxy that runs on this machine, if there is one. Ends the command if there are several."""
    found = running_here()
    if len(found) > 1:
        listed = ", ".join(f"{one.url} (process {one.pid})" for one in found)
        say(f"several proxies run here: {listed}; name one with --url")
        raise typer.Exit(USAGE_STATUS)
    return found[0] if found else None


def at(url: str) -> "Running":
    """The proxy of this address that runs on this machine. Ends the command if there is none."""
    found = {one.url: one for one in running_here()}
    if (one := found.get(url.rstrip("/"))) is None:
        listed = f"; these do: {', '.join(found)}" if found else ""
        say(f"no proxy at {url} runs on this machine{listed}")
        raise typer.Exit(USAGE_STATUS)
    return one


def settings_file() -> Path:
    """The settings file that a change goes to: that of the proxies that run here, else the usual one. Ends the
    command if they have several."""
    found = [one for one in running_here() if one.file]
    if len({one.file for one in found}) > 1:
        listed = ", ".join(f"{one.file} of {one.url}" for one in found)
        say(f"several proxies run here; name the file of one with --config: {listed}")
        raise typer.Exit(USAGE_STATUS)
    return Path(found[0].file) if found else DEFAULT_FILE


def which(url: str | None) -> str:
    """The address: as given, else that of the only proxy that runs here, else the default one. Ends the command
    if several run."""
    if url is not None:
        return url
    found = only_one()
    return found.url if found else DEFAULT_URL


@contextmanager
def asking(url: str | None, api_key: str | None) -> "Iterator[TurnFeed]":
    """The proxy, to be asked. Ends the command if nothing answers, or anything else than a proxy."""
    from warmprefix.cli.follow_url import Refused, TurnFeed, Unanswered, plain_errors

    address = which(url)
    try:
        with plain_errors(), closing(TurnFeed(address, api_key, say)) as feed:
            yield feed
    except Unanswered as error:
        say(f"no answer from {address} ({error}); is it running? --url names another")
        raise typer.Exit(USAGE_STATUS) from None
    except Refused as error:
        say(str(error))
        raise typer.Exit(USAGE_STATUS) from None
