"""`warmprefix run`: starts a client that speaks to the proxy, and says at its end what was kept."""

import os
import signal
import subprocess  # nosec B404  # starts what the user has typed
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from warmprefix.cli.connect import ModelOption
from warmprefix.cli.settings import say
from warmprefix.cli.tail import ApiKeyOption
from warmprefix.cli.which import UrlOption, asking
from warmprefix.core.plural import plural

if TYPE_CHECKING:
    from warmprefix.cli.follow_url import TurnFeed

NOT_FOUND, NOT_STARTED = 127, 126
"""The exit statuses of shells for a program that is not there, and for one that cannot be started."""

BY_SIGNAL = 128
"""Shells add the number of the signal that ended a program to this."""

MOST_TURNS = 1000  # that a proxy remembers

PATIENCE_S = 2.0
"""How long to wait for turns that are not logged yet."""

LOOK_S = 0.05
"""Pause between two looks at them."""

PASSED_ON = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
PASS_ARGUMENTS = {"allow_interspersed_args": False}
"""Options behind the command are the command's."""

OF_TERMINAL = ("SIGINT", "SIGQUIT", "SIGWINCH")
"""A terminal sends these to the client itself."""


def command(
    words: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="What to start, with its arguments.")
    ],
    model: ModelOption = None,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Start a client with the environment that leads it to the running proxy, and say at its end what was kept.

    Set are OPENAI_BASE_URL, OPENAI_API_BASE, OPENAI_API_BASE_URL, OPENAI_HOST and ANTHROPIC_BASE_URL; keys and
    the names of models only if you have not set them. A client that reads none of these needs
    `warmprefix connect`. Signals go to the client, and its exit status is that of this command; 127 if there is
    no such program, 2 if no proxy answers.

    Examples: `warmprefix run -- claude`, `warmprefix run -- aider --model openai/NAME`,
    `warmprefix run -- python agent.py`
    """
    began = datetime.now(UTC)
    with asking(url, api_key) as feed:
        name = model or first_model(feed)
        own = environment(feed.url, name, api_key, os.environ)
        status = ended(words, {**os.environ, **own})
        say(since(feed, began))
    raise typer.Exit(status)


def first_model(feed: "TurnFeed") -> str:
    """The name of the first model; empty if the proxy runs and its backend does not say. Raises Refused and
    httpx.HTTPError if no proxy answers."""
    from warmprefix.cli.follow_url import Refused, Unanswered, plain_errors

    try:
        with plain_errors():
            models = feed.models()
    except (Refused, Unanswered):
        feed.turns(1)
        return ""
    return models[0][0] if models else ""


def environment(
    origin: str, model: str, api_key: str | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """The variables by which clients find the proxy. Keys and models that are set stay, but for `api_key`, the
    proxy's own."""
    found = {
        "OPENAI_BASE_URL": f"{origin}/v1",
        "OPENAI_API_BASE": f"{origin}/v1",
        "OPENAI_API_BASE_URL": f"{origin}/v1",
        "OPENAI_HOST": origin,
        "ANTHROPIC_BASE_URL": origin,
    }
    has_key = "ANTHROPIC_API_KEY" in environ or "ANTHROPIC_AUTH_TOKEN" in environ
    if api_key is not None:
        found |= {"OPENAI_API_KEY": api_key, "ANTHROPIC_AUTH_TOKEN": api_key}
    else:
        found |= {} if "OPENAI_API_KEY" in environ else {"OPENAI_API_KEY": "x"}
        found |= {} if has_key else {"ANTHROPIC_AUTH_TOKEN": "x"}  # nosec B105  # any word will do
    names = ("OPENAI_MODEL", "ANTHROPIC_MODEL") if model else ()
    return found | {name: model for name in names if name not in environ}


def ended(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the program to its end; its exit status as a shell has it, also if it cannot be started."""
    with Signals() as signals:
        try:
            child = subprocess.Popen([*words], env=environ)  # nosec B603  # noqa: S603
        except OSError as error:
            say(f"{words[0]}: {error.strerror}")
            status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
            raise typer.Exit(status) from None
        signals.go_to(child)
        status = child.wait()
    return BY_SIGNAL - status if status < 0 else status


def since(feed: "TurnFeed", began: datetime) -> str:
    """What the turns since then have read, or why that is not known. It must not take the exit status away."""
    from warmprefix.cli.follow_url import Refused, Unanswered, plain_errors

    try:
        with plain_errors():
            turns = last_turns(feed)
    except (Refused, Unanswered) as error:
        return f"the proxy does not say what was kept: {error}"
    return summary([turn for turn in turns if when(turn) >= began])


def last_turns(feed: "TurnFeed", *, patience_s: float = PATIENCE_S) -> list[dict[str, Any]]:
    """The last turns, once every request has become one: the backend may still be asked why the last prompt
    broke. The requests of others may take long, so not for ever."""
    ends = time.monotonic() + patience_s
    while True:
        turns, running = feed.newest(MOST_TURNS)
        if not running or time.monotonic() >= ends:
            return turns
        time.sleep(LOOK_S)


class Signals:
    """While it is open, signals go to the client, those that come before it has started once it has; none ends
    this process before it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        wanted = (getattr(signal, name, None) for name in PASSED_ON)
        self._before = {one: signal.signal(one, self._came) for one in wanted if one is not None}
        return self

    def __exit__(self, *error: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def go_to(self, child: "subprocess.Popen[bytes]") -> None:
        """The client has started."""
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def _came(self, number: int, frame: FrameType | None) -> None:
        del frame
        if signal.Signals(number).name in OF_TERMINAL and is_in_front():
            return
        if self._child is None:
            self._early.append(number)
        else:
            self._child.send_signal(number)


def is_in_front() -> bool:
    """Whether a terminal sends its signals to this process and the client alike."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def when(turn: Mapping[str, Any]) -> datetime:
    """When the turn began."""
    try:
        return datetime.fromisoformat(str(turn.get("time")))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def summary(turns: Sequence[Mapping[str, Any]]) -> str:
    """What the turns of a run have read, and what they would have read without the proxy."""
    if not turns:
        return "no turn went through the proxy while it ran; `warmprefix connect` says what its client needs"
    count = plural(len(turns), "turn")
    counted = [turn for turn in turns if turn.get("processed_tokens") is not None]
    if not counted:
        return f"while it ran: {count}; the backend has reported no counts"
    read = sum(turn["processed_tokens"] for turn in counted)
    asked = sum(turn.get("prompt_tokens") or 0 for turn in counted)
    kept = sum(turn.get("kept_tokens") or 0 for turn in counted)
    line = f"while it ran: {count}, {read:,} of {plural(asked, 'prompt token')} read"
    if kept > 0:
        return f"{line}; without warmprefix about {read + kept:,}: {kept:,} kept"
    return f"{line}; without warmprefix as many"
