"""The wall between a request and all that only helps it: a failure behind it does not reach the client.

It is counted, named in the turn's line (`failed_open`), and reported to the operator with its traceback, once a
minute for each reason.
"""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from types import TracebackType

from warmprefix.core.errors import ProxyError
from warmprefix.counters import Counters

TELL_AGAIN_S = 60.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class guard(AbstractContextManager["guard"]):  # noqa: N801  # named as the context managers of contextlib are
    """A wall around what only helps. `reason`: one of counters.py; `noted`: the turn's list of reasons.

    It stops any Exception. What cancels a task or ends the process is none, and goes through.
    """

    counters: Counters
    reason: str
    noted: list[str] | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Whether it was stopped."""
        if not isinstance(error, Exception):
            return False
        failed(self.counters, self.reason, error, self.noted)
        return True


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
