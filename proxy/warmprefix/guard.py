"""The wall between a request and all that only helps it: a failure behind it does not reach the client.

It is counted, named in the turn's line (`failed_open`), and reported to the operator with its traceback, once a
minute for each reason.
"""

import logging
from time import monotonic
from types import TracebackType
from typing import Self

from warmprefix.core.errors import ProxyError
from warmprefix.counters import Counters

TELL_AGAIN_S = 60.0

logger = logging.getLogger(__name__)


class Guard:
    """A context that stops any Exception raised in it. `failed`: whether there was one.

    What cancels a task or ends the process is no Exception, and goes through.
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
        failed(self._counters, self._reason, error, self._noted)
        return True


def guard(counters: Counters, reason: str, noted: list[str] | None = None) -> Guard:
    """A wall around what only helps. `reason`: one of counters.py; `noted`: the turn's list of reasons."""
    return Guard(counters, reason, noted)


def failed(counters: Counters, reason: str, error: Exception, noted: list[str] | None) -> None:
    """What to do after `except Exception` around a call that only helps: the same as `guard`, for a loop."""
    counters.failed_open(reason, noted)
    tell(counters, reason, error)


def tell(counters: Counters, reason: str, error: Exception) -> None:
    """Report the failure in the operator's log; at level debug if its reason was reported in the last minute.

    An error of our own tree says all that is needed; any other is a mistake, and its traceback is needed.
    """
    is_ours = isinstance(error, ProxyError)
    level = logging.WARNING if is_ours else logging.ERROR
    now = monotonic()
    if now - counters.reported_s.get(reason, -TELL_AGAIN_S) < TELL_AGAIN_S:
        level = logging.DEBUG
    else:
        counters.reported_s[reason] = now
    what = str(error) if is_ours else type(error).__name__
    logger.log(
        level,
        "%s failed, requests go on without it: %s",
        reason,
        what,
        exc_info=None if is_ours else error,
    )
