"""How long a prompt token takes to read, and so how long a turn would have read without us."""

from dataclasses import replace

from warmprefix.core.turn import Reading, Turn
from warmprefix.core.types import CacheStats

RATE_TOKENS = 128
"""A turn that evaluated fewer says little about the rate: gemma-3-270m on two cores took 52 ms for one token
alone, 13 ms each for 133, 8 ms each for 261.
"""

RATES = 64  # models whose rate is remembered; one machine serves a handful


class Rates:
    """Milliseconds that a prompt token takes, by model; learned from turns that evaluated enough of them."""

    def __init__(self) -> None:
        self._by_model: dict[str | None, float] = {}

    def of(self, model: str | None, stats: CacheStats) -> float | None:
        """The rate of this turn, otherwise of the last turn of its model; None before there is one."""
        tokens, took_ms = stats.processed_tokens, stats.prompt_ms
        if tokens is not None and tokens >= RATE_TOKENS and took_ms is not None:
            if len(self._by_model) >= RATES:
                self._by_model.clear()
            self._by_model[model] = took_ms / tokens
        return self._by_model.get(model)

    def directly(self, turn: Turn) -> tuple[Turn, Reading]:
        """The turn with the time that reading its prompt would have taken without us, and that reading."""
        turn = replace(turn, direct_ms=self.direct_ms(turn))
        return turn, read_directly(turn)

    def direct_ms(self, turn: Turn) -> float | None:
        """The time that reading the turn's prompt would have taken without us: what it took, and what was kept
        at its rate. None if either is not known."""
        rate, took_ms = self.of(turn.model, turn.stats), turn.stats.prompt_ms
        if turn.kept is None or took_ms is None:
            return None
        if turn.kept.tokens == 0:
            return took_ms
        return None if rate is None else max(took_ms + turn.kept.tokens * rate, 0.0)


def read_directly(turn: Turn) -> Reading:
    """The reading of a turn's prompt without us; as it was with us, if that is not known."""
    tokens = turn.kept.direct_tokens if turn.kept else turn.stats.processed_tokens
    return tokens, turn.stats.prompt_ms if turn.direct_ms is None else turn.direct_ms
