"""`warmprefix serve`: runs the proxy."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.nearby import answering_here, with_backend_at
from warmprefix.cli.settings import DEFAULT_FILE, ConfigOption, effective, one_line_errors
from warmprefix.core.errors import ConfigError

if TYPE_CHECKING:
    from warmprefix.config import Effective

CaptureOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Record chat requests and replies in this folder, for `replay`."
    ),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The backend [default: the llama-server or Lemonade that answers on this machine].",
    ),
]
HostOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST", help="Address to listen on; again for each other [default: 127.0.0.1]."
    ),
]
PortOption = Annotated[
    int | None, typer.Option(metavar="PORT", help="Port to listen on [default: 8484].")
]
ObserveOption = Annotated[
    bool, typer.Option("--observe", help="Change nothing; only measure and explain.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the dashboard in the browser.")]
CheckOption = Annotated[bool, typer.Option("--check", help="Show the settings in force and exit.")]


def command(
    config: ConfigOption = None,
    backend: BackendOption = None,
    host: HostOption = None,
    port: PortOption = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Start a real llama-server with a small model.")
    ] = False,
    observe: ObserveOption = False,
    capture: CaptureOption = None,
    opens_dashboard: OpenOption = False,
    check: CheckOption = False,
) -> None:
    """Run the proxy between a client and a backend.

    `warmprefix connect CLIENT` says what a client needs; for many `OPENAI_BASE_URL=http://127.0.0.1:8484/v1`
    will do. Standard output gets one JSON line for each turn; `warmprefix tail` makes them readable. The
    dashboard is at http://127.0.0.1:8484/warmprefix/.

    Signals: TERM, INT, QUIT and the end of the terminal let running replies end first; HUP reads rules and log
    settings again, and opens the log's file anew; USR1 says what it does and holds.

    Example: `warmprefix serve --backend http://127.0.0.1:13305` (Lemonade Server)

    If you have no backend at hand: `warmprefix serve --embedded`

    To see first what a client breaks, and what would be saved: `warmprefix serve --observe`
    """
    hosts = ",".join(host) if host else None
    flags = {"backend.url": backend, "server.host": hosts, "server.port": port}
    with one_line_errors():
        if embedded and backend is not None:
            raise ConfigError("flag --embedded starts a backend of its own; leave out --backend")
        settings = effective(config, flags)
        if check:
            from warmprefix.config import effective_lines

            typer.echo("\n".join(effective_lines(settings)))
            return
        from warmprefix.server.run import Extras, Settings, run

        load: Callable[[], Effective] = partial(effective, config, flags)
        if not embedded and not settings.names_backend:
            load = with_what_answers(load)
            settings = load()
        own = Settings(settings, config or DEFAULT_FILE, load)
        raise typer.Exit(run(own, Extras(embedded, observe, capture, opens_dashboard)))


def with_what_answers(load: "Callable[[], Effective]") -> "Callable[[], Effective]":
    """What loads the settings, with the backend that answers on this machine, if one does."""
    found = answering_here()
    return load if found is None else lambda: with_backend_at(load(), found)
