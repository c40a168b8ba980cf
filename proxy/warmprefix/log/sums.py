"""All turns, added up: what was read, what it would have been without us, and what broke, by cause. The
dashboard shows these sums, and the metrics count the same turns, but those of an earlier start of the proxy.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.hint import Hint
from warmprefix.core.turn import Reading, Turn
from warmprefix.log.record import Record, iso

HINTS = 8
"""Different hints that are remembered for one cause: clients times what may be set for each."""


@dataclass(slots=True, eq=False)
class Cause:
    """The breaks of one cause. `tokens`, `seconds`: read again, as far as it was reported."""

    turns: int = 0
    tokens: int = 0
    seconds: float = 0.0
    hints: Counter[Hint] = field(default_factory=Counter)

    def add(self, found: CacheBreak) -> None:
        """Count a break. Its hint counts with the tokens that it would have saved."""
        self.turns += 1
        self.tokens += found.tokens_lost or 0
        self.seconds += found.seconds_lost or 0.0
        hint = replace(found.hint, saves_tokens=None)
        if hint in self.hints or len(self.hints) < HINTS:
            self.hints[hint] += found.hint.saves_tokens or 0


@dataclass(frozen=True)
class Totals:
    """What outlives the proxy. `since_s`: Unix time; `sums`: tokens and milliseconds by name. No breaks: what
    cures them may have been set before a new start."""

    since_s: float
    turns: int
    reported: int
    sums: Mapping[str, float]


class Sums:
    """Sums over turns. What no turn has reported is None. `before`: what they go on from."""

    def __init__(self, before: Totals | None = None) -> None:
        self.started_s = time.time()
        self.since_s = before.since_s if before else self.started_s
        self.turns = before.turns if before else 0
        self.reported = before.reported if before else 0
        self._sums: dict[str, float] = dict(before.sums) if before else {}
        self._causes: dict[str, Cause] = {}

    def totals(self) -> Totals:
        """What can be gone on from."""
        return Totals(self.since_s, self.turns, self.reported, dict(self._sums))

    def add(self, turn: Turn, direct: Reading) -> None:
        """Count a turn that has ended. `direct`: as it would have been read without us."""
        self.turns += 1
        stats, (direct_tokens, direct_ms) = turn.stats, direct
        if stats.prompt_tokens is not None and stats.cached_tokens is not None:
            self.reported += 1
            self._add("prompt_tokens", stats.prompt_tokens)
            self._add("cached_tokens", stats.cached_tokens)
        self._add("processed_tokens", stats.processed_tokens)
        self._add("direct_tokens", direct_tokens)
        self._add("prompt_ms", stats.prompt_ms)
        self._add("direct_ms", direct_ms)
        if turn.would_save is not None:
            self._add("would_save_tokens", turn.would_save.tokens or 0)
        if turn.cache_break is not None:
            self._causes.setdefault(turn.cache_break.cause, Cause()).add(turn.cache_break)

    def _add(self, name: str, amount: float | None) -> None:
        if amount is not None:
            self._sums[name] = self._sums.get(name, 0) + amount

    def record(self) -> Record:
        """The sums, ready for JSON; causes by what they cost, largest first."""
        names = ("prompt_tokens", "cached_tokens", "processed_tokens", "direct_tokens")
        causes = sorted(
            self._causes.items(), key=lambda pair: (-pair[1].tokens, -pair[1].turns, pair[0])
        )
        return {
            "since": iso(self.since_s),
            "started": iso(self.started_s),
            "turns": self.turns,
            "reported": self.reported,
            **{name: self._sums.get(name) for name in (*names, "prompt_ms", "direct_ms")},
            "would_save_tokens": self._sums.get("would_save_tokens"),
            "breaks": [{"cause": name, **_shown(cause)} for name, cause in causes],
        }


def _shown(cause: Cause) -> Record:
    return {
        "turns": cause.turns,
        "tokens": cause.tokens,
        "seconds": round(cause.seconds, 3),
        "hints": [
            asdict(hint) | {"saves_tokens": saves or None}
            for hint, saves in cause.hints.most_common()
        ],
    }
