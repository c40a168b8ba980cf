"""Reports to the operator that something does not work, and that it works again: once each."""

import logging
import time

logger = logging.getLogger(__name__)

_QUIET_S = 60.0  # an outage that comes and goes is reported once a minute


class Outage:
    """One thing that may fail."""

    def __init__(self, over: str) -> None:
        """`over`: what to log when it works again."""
        self._over = over
        self._is_on = False
        self._is_reported = False
        self._reported_s = -_QUIET_S

    def begins(self, why: str) -> None:
        """It has failed."""
        self._is_on = True
        if not self._is_reported and time.monotonic() - self._reported_s >= _QUIET_S:
            self._is_reported, self._reported_s = True, time.monotonic()
            logger.warning("%s", why)

    def ends(self) -> None:
        """It has worked."""
        if self._is_on and self._is_reported:
            logger.warning("%s", self._over)
        self._is_on = self._is_reported = False
