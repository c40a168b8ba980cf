"""`warmprefix warm`: has an agent's tools and instructions read before its first conversation begins."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from warmprefix.cli.settings import USAGE_STATUS, say, usable_key
from warmprefix.cli.which import UrlOption, asking
from warmprefix.core.plural import plural

KeyOption = Annotated[
    str | None,
    typer.Option(
        envvar="WARMPREFIX_SERVER__API_KEY",
        help="The key that the agent sends: an opening serves requests with the same key only.",
        callback=usable_key,
    ),
]


def command(
    file: Annotated[Path, typer.Argument(help="A request body as the agent sends it.")],
    endpoint: Annotated[
        str, typer.Option(help="Where the agent sends it.")
    ] = "/v1/chat/completions",
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Read what an agent's conversations begin with, and save it, before the first one begins.

    FILE holds a body of the endpoint with the tools and instructions; messages are optional. It takes as long
    as reading a prompt takes, and gives way to requests. The exit status is 1 if it could not be saved.

    Examples: `warmprefix warm agent.json`, `warmprefix warm claude.json --endpoint /v1/messages`
    """
    try:
        body = file.read_bytes()
    except OSError as error:
        say(f"{file}: {error.strerror}")
        raise typer.Exit(USAGE_STATUS) from error
    with asking(url, api_key) as feed:
        status = report(feed.warm(endpoint, body))
    raise typer.Exit(status)


def report(steps: Iterable[dict[str, Any]]) -> int:
    """Prints the progress, and the result. Returns the exit status."""
    last: dict[str, Any] = {}
    for last in steps:
        if not last["id"] and not last["failure"]:
            say(f"read {last['read']:,} of {plural(last['tokens'], 'token')}")
    if last.get("id"):
        evaluated = last["evaluated"]
        how = f"{evaluated:,} of them evaluated now" if evaluated else "saved before"
        typer.echo(f"opening {last['id']}: {plural(last['tokens'], 'token')}, {how}")
        return 0
    say(last.get("failure") or "the proxy ended the connection")
    return 1
