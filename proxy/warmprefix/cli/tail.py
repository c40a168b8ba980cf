"""`warmprefix tail`: the turn log in readable form."""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.settings import say, usable_key
from warmprefix.cli.which import UrlOption, which

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from warmprefix.cli.tail_running import Requests, RunningLine


ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        envvar="WARMPREFIX_SERVER__API_KEY",
        show_envvar=True,
        help="The proxy's api_key, if it has one.",
        callback=usable_key,
    ),
]


def command(
    url: UrlOption = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read this log instead; - is standard input."),
    ] = None,
    last: Annotated[
        int, typer.Option("-n", min=0, metavar="N", help="Show this many earlier turns.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", "-f", help="Then show each new turn as it ends.")
    ] = True,
    explain: Annotated[
        bool, typer.Option("--explain", help="Under each cache break: where, why, what to do.")
    ] = False,
    api_key: ApiKeyOption = None,
) -> None:
    """Watch the cache: one coloured line for each turn.

    `12:04:31 hermes ▸ 3f9c2a81 12,034 prompt 11,980 cached 99.5% 54 processed 0.3 s append`

    Time, client, conversation, tokens of the prompt, how many of them the backend had in its cache, how many it
    had to evaluate, how long you waited, and what kind of turn it was. `✂` says where the cache broke and why;
    `--explain` says more. `–` means that the backend did not report it. A terminal of fewer than 108 columns
    shows fewer of these. On a terminal the last line is of the request that is not answered yet, and how far
    its prompt is read (`backend.ask_progress`).

    Examples: `warmprefix tail --explain`, `warmprefix tail --log turns.log -n 50 --no-follow`,
    `docker logs -f warmprefix | warmprefix tail --log -`
    """
    with quiet_end():
        if log is not None:
            show(log_lines(log, last, follow), explain=explain)
            return
        address = which(url)
        with running_line(address, api_key, follow) as line:
            show(url_lines(address, last, follow, api_key, line), explain=explain, line=line)


@contextlib.contextmanager
def running_line(url: str, api_key: str | None, follow: bool) -> "Iterator[RunningLine | None]":
    """The line of the request that runs, if turns are followed on a terminal."""
    from warmprefix.cli.follow_url import Refused, TurnFeed, Unanswered, plain_errors
    from warmprefix.cli.tail_running import RunningLine, is_shown

    if not follow or not is_shown():
        yield None
        return
    with contextlib.closing(TurnFeed(url, api_key, say)) as feed:

        def ask() -> "Requests | None":
            try:
                with plain_errors():
                    return feed.running()
            except Unanswered:
                return ()
            except Refused:
                return None

        with RunningLine(plain_console(), ask) as line:
            yield line


def log_lines(log: Path, last: int, follow: bool) -> Iterator[bytes]:
    """The lines of a log. Ends the command if it cannot be read."""
    from warmprefix.cli.follow_file import followed_lines, last_lines, stream_lines

    if str(log) == "-":
        yield from stream_lines(sys.stdin.buffer, last, follow=follow)
        return
    if follow and not log.exists():
        say(f"{log} is not there yet; waiting for it")
    try:
        yield from followed_lines(log, last) if follow else last_lines(log, last)
    except BrokenPipeError:
        raise
    except OSError as error:
        say(f"{log}: cannot be read: {error.strerror}")
        raise typer.Exit(1) from None


def url_lines(
    url: str, last: int, follow: bool, api_key: str | None, line: "RunningLine | None" = None
) -> Iterator[bytes]:
    """The lines of a running proxy. Ends the command if its answer is wrong."""
    from warmprefix.cli.follow_url import Refused, TurnFeed, Unanswered, plain_errors

    def say_aside(message: str) -> None:
        with aside(line):
            say(message)

    try:
        with plain_errors(), contextlib.closing(TurnFeed(url, api_key, say_aside)) as feed:
            yield from feed.follow(last) if follow else feed.last(last)
    except Refused as error:
        say(str(error))
        raise typer.Exit(1) from None
    except Unanswered as error:
        say(f"no answer from {url} ({error}); is it running? --url names another")
        raise typer.Exit(1) from None


def show(
    lines: Iterable[bytes], *, explain: bool = False, line: "RunningLine | None" = None
) -> None:
    """Prints each line, and with `explain` the explanation of its break. `line`: what stands below them."""
    console = plain_console()
    for data in lines:
        if not data.strip():
            continue
        texts = [*texts_of(data, console, explain=explain)]
        with aside(line):
            for text in texts:
                console.print(text)
            sys.stdout.flush()


def texts_of(data: bytes, console: "Console", *, explain: bool) -> "Iterator[str | Text]":
    """What is shown of a line of the log."""
    from warmprefix.cli.explain_text import advice, below
    from warmprefix.cli.tail_line import parse_record, render_line, render_other

    record = parse_record(data)
    if record is None:
        yield render_other(data)
        return
    yield render_line(record, width=columns_of(console))  # they may change while turns come
    if explain:
        to_do = advice(record, with_id=True)
        yield from below(record, coloured=is_coloured(console), advice=to_do)


def aside(line: "RunningLine | None") -> contextlib.AbstractContextManager[None]:
    """What is written meanwhile does not run into the line."""
    return contextlib.nullcontext() if line is None else line.aside()


def plain_console() -> "Console":
    """Standard output; colours only on a terminal, and with NO_COLOR nothing but text: no bold, no dim."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ✂ shows a question mark
    if os.environ.get("NO_COLOR"):
        return Console(highlight=False, soft_wrap=True, color_system=None)
    return Console(highlight=False, soft_wrap=True)


def columns_of(console: "Console") -> int | None:
    """How many columns there are; None if standard output is no terminal and nobody says."""
    return console.width if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def is_coloured(console: "Console") -> bool:
    """Whether it shows colours."""
    return console.color_system is not None


@contextlib.contextmanager
def quiet_end() -> Iterator[None]:
    """Ends with status 0 when the user stops the command or the reader of its output leaves."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except (BrokenPipeError, SystemExit):  # rich turns the first into the second
        without_output()
        raise typer.Exit(0) from None


def without_output() -> None:
    """Write nothing more: what is still buffered would fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
