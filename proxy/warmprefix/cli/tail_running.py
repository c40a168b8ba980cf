"""Below the turns of `warmprefix tail`, on a terminal: the request that runs, in a line that is replaced.

The line is written over with blanks, not with escapes, so that it is the same with NO_COLOR.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from warmprefix.cli.tail_line import INDENT, count, fitted, number, plain
from warmprefix.core.plural import plural

LOOK_S = 1.0
"""How often the proxy is asked."""

SHOWN_FROM_MS = 1000
"""A shorter request is a turn before anybody has read of it."""

_JOIN_S = 2.0  # a question that hangs must not keep the command

Requests = Sequence[Mapping[str, Any]]

DOING = {
    "waiting": "waits",
    "reading": "is read",
    "writing": "is answered",
    "answering": "is read or answered",
}


def running_text(requests: Requests, width: int) -> str:
    """The line, in `width` columns at most: the request that runs longest, and how many others do. Empty if
    none has run long enough."""
    long = [one for one in requests if (number(one.get("elapsed_ms")) or 0) >= SHOWN_FROM_MS]
    if not long:
        return ""
    first = max(long, key=lambda one: number(one.get("elapsed_ms")) or 0)
    others = f" (+{len(long) - 1})" if len(long) > 1 else ""
    client = plain(first.get("client"))
    who = "a request" if client == "unknown" else client  # no profile knows a client of that name
    text = f"{INDENT}… {who} {of_one(first)}{others}"
    return text if cell_len(text) <= width else fitted(text, width).rstrip()


def of_one(request: Mapping[str, Any]) -> str:
    """What a request does and for how long, how much of its prompt is read, what is left."""
    state, elapsed_ms = plain(request.get("state")), number(request.get("elapsed_ms")) or 0
    doing = f"{DOING.get(state, state)} {elapsed_ms / 1000:,.0f} s"
    found = request.get("progress")
    if state != "reading" or not isinstance(found, Mapping):
        estimate = number(request.get("estimated_tokens"))
        is_known = estimate is not None and state != "writing"
        size = f", about {plural(estimate or 0, 'token')}" if is_known else ""
        return f"{doing}{size}"
    total = number(found.get("prompt_tokens")) or 0
    read = sum(number(found.get(name)) or 0 for name in ("cached_tokens", "processed_tokens"))
    share = f" ({100 * read / total:.0f}%)" if total else ""
    rest_ms = number(request.get("rest_ms"))
    rest = "" if rest_ms is None else f", about {rest_ms / 1000:,.0f} s left"
    return f"{doing}: {count(read)} of {plural(total, 'token')}{share}{rest}"


class RunningLine:
    """While it is open, the line is shown and replaced. What else is written goes inside `aside`.

    `ask`: the requests that run now; None if that cannot be said here, and it is not asked again.
    """

    def __init__(self, console: Console, ask: Callable[[], Requests | None]) -> None:
        self._console = console
        self._ask = ask
        self._lock = threading.RLock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="running requests", daemon=True)
        self._shown = ""

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Look no more, and leave nothing on the terminal."""
        self._ends.set()
        self._thread.join(_JOIN_S)
        with self._lock:
            self._replace("")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The line is away, and below what was written afterwards."""
        with self._lock:
            text = self._shown
            self._replace("")
            yield
            self._replace(text)

    def look(self) -> bool:
        """Ask once, and show it; whether to ask again."""
        requests = self._ask()
        with self._lock:
            if not self._ends.is_set():
                # A line that fills its last column would go on in the next one.
                self._replace(running_text(requests or (), self._console.width - 1))
        return requests is not None

    def _watch(self) -> None:
        while not self._ends.wait(LOOK_S) and self.look():
            pass

    def _replace(self, text: str) -> None:
        if self._shown == text:
            return
        blanks = min(cell_len(self._shown), self._console.width - 1)  # it may be narrower by now
        self._console.file.write(f"\r{' ' * blanks}\r" if blanks else "")
        self._console.print(Text(text, "dim"), end="")
        self._console.file.flush()
        self._shown = text


def is_shown() -> bool:
    """Whether there is a terminal to show it on."""
    return sys.stdout.isatty()
