"""Switches a behaviour off if it lately cost more than it kept. Values only: what to say of it is others'.

Each turn in which a behaviour acted says how many tokens it kept, less than none if it cost some.
"""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 16
"""Turns that are looked at: enough to outweigh one unlucky turn, few enough to notice a change."""

LEAST_TURNS = 2
"""One turn proves nothing."""

LEAST_COST_TOKENS = 64
"""What noise in the counts can make."""

PAUSE = 32
"""Turns that it would have acted in until it is tried again."""


@dataclass(slots=True)
class _Balance:
    kept: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    pause: int = 0


@dataclass(frozen=True, slots=True)
class StoodDown:
    """A behaviour that is off: over so many turns it cost so many tokens more than it kept."""

    behaviour: str
    turns: int
    cost_tokens: int


class StandDown:
    """What the behaviours of one backend have brought lately."""

    def __init__(self) -> None:
        self._balances: dict[str, _Balance] = {}
        self._off: dict[str, StoodDown] = {}

    def may(self, behaviour: str) -> bool:
        """Whether it may act; asked once for each turn in which it would."""
        balance = self._balances.get(behaviour)
        if balance is None or not balance.pause:
            return True
        balance.pause -= 1
        if not balance.pause:
            balance.kept.clear()
            self._off.pop(behaviour, None)
        return False

    def judge(self, behaviour: str, kept_tokens: int) -> StoodDown | None:
        """Take note of a turn in which it acted; what was switched off, if this was one turn too many."""
        balance = self._balances.setdefault(behaviour, _Balance())
        balance.kept.append(kept_tokens)
        cost = -sum(balance.kept)
        if balance.pause or len(balance.kept) < LEAST_TURNS or cost < LEAST_COST_TOKENS:
            return None
        balance.pause = PAUSE
        self._off[behaviour] = found = StoodDown(behaviour, len(balance.kept), cost)
        return found

    @property
    def off(self) -> tuple[StoodDown, ...]:
        """What is switched off now."""
        return tuple(self._off.values())
