"""The signals of a running proxy, besides those that end it (server/run.py).

HUP reads the settings again and reopens the log's file, unless it says that the terminal was closed: then the
proxy drains, as it does on TERM. QUIT drains too. USR1 prints the state.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def listening(
    *, stop: Callable[[], None], reload: Callable[[], None], tell: Callable[[], None]
) -> Iterator[None]:
    """For its duration signals are answered. Call it in the running loop, in the main thread."""
    loop = asyncio.get_running_loop()
    drains = has_terminal() and not is_shielded()

    def hang_up() -> None:
        is_closed = drains and not has_terminal()
        (stop if is_closed else reload)()

    answers = {"SIGHUP": hang_up, "SIGQUIT": stop, "SIGUSR1": tell}
    taken = []
    for name, answer in answers.items():
        with suppress(AttributeError, NotImplementedError):  # Windows has none of them
            loop.add_signal_handler(getattr(signal, name), answer)
            taken.append(getattr(signal, name))
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def is_shielded() -> bool:
    """Whether HUP is ignored since before the start, as nohup does it: the end of the terminal is not ours."""
    return hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def has_terminal() -> bool:
    """Whether the process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
