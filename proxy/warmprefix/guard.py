"""The wall between a request and all that only helps it: what fails behind it does not reach the client.

A failure is counted, named in the turn's line (`failed_open`), and told to the operator with its traceback,
once a minute for each reason.
"""

import sys
import traceback
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

from warmprefix.core.errors import ProxyError
from warmprefix.counters import Counters

TELL_AGAIN_S = 60.0


class Guard:
    """A context in which any Exception ends without being raised. `failed`: whether one has.

    What cancels a task or ends the process is no Exception and goes through.
    """

    __slots__ = ("_counters", "_noted", "_reason", "failed")

    def __init__(self, counters: Counters, reason: str, noted: list[str] | None) -> None:
        self._counters = counters
        self._reason = reason
        self._noted = noted
        self.failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed = True
        self._counters.failed_open(self._reason, self._noted)
        tell(self._counters, self._reason, error)
        return True


def guard(counters: Counters, reason: str, noted: list[str] | None = None) -> Guard:
    """A wall around what only helps. `reason`: one of counters.py; `noted`: the turn's list of them."""
    return Guard(counters, reason, noted)


def tell(counters: Counters, reason: str, error: Exception) -> None:
    """The failure on standard error, unless this reason was told within the last minute.

    An error of our own tree says all that there is to say; any other is a mistake, and needs its place.
    """
    now = monotonic()
    if now - counters.told_s.get(reason, -TELL_AGAIN_S) < TELL_AGAIN_S:
        return
    counters.told_s[reason] = now
    whole = isinstance(error, ProxyError)
    lines = [f"{error}\n"] if whole else ["\n", *traceback.format_exception(error)]
    with suppress(OSError, ValueError, AttributeError):  # nobody may be there to read it
        sys.stderr.write(
            f"warmprefix: {reason} failed, requests go on without it: {''.join(lines)}"
        )
        sys.stderr.flush()
