"""The sums over turns in a small file beside the ledger, so that they go on after a new start of the proxy.

There is one file for each port, so two proxies on one ledger do not write the same one. It has numbers only.
"""

import asyncio
from pathlib import Path

import orjson
from typing_extensions import TypeIs

from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.log.sums import Sums, Totals
from warmprefix.private_file import replace_private

_VERSION = 1
_LAST_S = 253_402_300_799  # the end of the year 9999: no date is later
_EVERY_S = 60.0  # what a kill loses at most; the file is written only if a turn has ended meanwhile


class SumsFile:
    """The file of one proxy. `path`: None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written = 0

    def read(self) -> Sums:
        """Sums that go on from the file; new ones if it is missing or cannot be understood."""
        try:
            value = orjson.loads(self._path.read_bytes()) if self._path else None
        except (OSError, ValueError):
            value = None
        before = _totals(value)
        self._written = before.turns if before else 0
        return Sums(before)

    def write(self, sums: Sums) -> None:
        """Store the sums if a turn has ended since. Raises OSError."""
        totals = sums.totals()
        if self._path is None or totals.turns == self._written:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_private(self._path, orjson.dumps({"version": _VERSION, **totals.__dict__}))
        self._written = totals.turns

    async def keep(self, sums: Sums, counters: Counters) -> None:
        """Store the sums now and then, until it is cancelled."""
        while self._path is not None:
            await asyncio.sleep(_EVERY_S)
            with guard(counters, "metrics"):
                self.write(sums)


def _totals(value: object) -> Totals | None:
    if not isinstance(value, dict) or value.get("version") != _VERSION:
        return None
    since_s, sums = value.get("since_s"), value.get("sums")
    turns, reported = value.get("turns"), value.get("reported")
    if not (_is_count(turns) and _is_count(reported)):
        return None
    if not (_is_number(since_s) and 0 <= since_s <= _LAST_S):
        return None
    if not isinstance(sums, dict) or not all(map(_is_number, sums.values())):
        return None
    return Totals(since_s, turns, reported, sums)


def _is_number(value: object) -> TypeIs[float]:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _is_count(value: object) -> TypeIs[int]:
    return isinstance(value, int) and _is_number(value) and value >= 0
