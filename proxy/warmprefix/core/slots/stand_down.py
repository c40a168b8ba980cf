"""Switches a behaviour off if it has lately cost more than it kept. Values only; others report it.

For each turn in which a behaviour acted it is counted how many tokens it kept: fewer than 0 if it cost some.
"""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 16
"""Turns that are looked at: enough to outweigh one unlucky turn, few enough to notice a change."""

LEAST_TURNS = 2
"""One turn proves nothing."""

LEAST_COST_TOKENS = 64
"""Noise in the counts can be as large as this."""

PAUSE = 32
"""Turns in which it would have acted, before it is tried again."""


@dataclass(slots=True)
class _Balance:
    kept: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    pause: int = 0


@dataclass(frozen=True, slots=True)
class StoodDown:
    """A behaviour that is off: over `turns` it cost `cost_tokens` more than it kept."""

    behaviour: str
    turns: int
    cost_tokens: int


class StandDown:
    """What the behaviours of one backend have kept or cost lately."""

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
        """Count a turn in which it acted; returns what was switched off, if this turn caused that."""
        balance = self._balances.setdefault(behaviour, _Balance())
        balance.kept.append(kept_tokens)
        cost = -sum(balance.kept)
        if balance.pause or len(balance.kept) < LEAST_TURNS or cost < LEAST_COST_TOKENS:
            return None
        balance.pause = PAUSE
        self._off[behaviour] = stood_down = StoodDown(behaviour, len(balance.kept), cost)
        return stood_down

    @property
    def off(self) -> tuple[StoodDown, ...]:
        """The behaviours that are switched off now."""
        return tuple(self._off.values())
