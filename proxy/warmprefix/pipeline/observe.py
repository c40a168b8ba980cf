"""What a proxy that only observes would have saved: in one turn, and in all of them."""

from collections import Counter
from dataclasses import dataclass, replace

from warmprefix.core.explain.saving import Reach, Reaches, WouldSave, held, would_save
from warmprefix.core.plural import plural
from warmprefix.core.turn import Turn
from warmprefix.core.types import CacheStats
from warmprefix.pipeline.recent import Last
from warmprefix.pipeline.stages import Written


@dataclass(frozen=True, slots=True)
class Compared:
    """How much of a turn's prompt the backend holds: as the client sent it, and as the proxy would send it."""

    direct: Reach
    through: Reach


class Observer:
    """Compares observed turns with those before them."""

    def __init__(self, reaches: Reaches | None = None) -> None:
        """`reaches`: shared by all that compare prompts."""
        self._reaches = reaches or Reaches()

    def compare(self, written: Written, before: Last | None) -> Compared:
        """The two reaches of an observed turn that comes after `before`."""
        direct = through = None
        if before is not None and before.shadow is not None:
            direct = held(before.prompt, before.reply)
            through = held(before.shadow, before.reply)
        of = self._reaches.of
        return Compared(of(direct, written.sent), of(through, written.ours))

    def saving(self, written: Written, stats: CacheStats, before: Last | None) -> WouldSave:
        """What an observed turn would have saved.

        The first turn of a conversation can save nothing. Once the turn before is forgotten, the saving is
        unknown.
        """
        if before is not None:
            compared = self.compare(written, before)
            found = would_save(stats, compared.direct, compared.through)
        elif written.place.index == 0:
            found = WouldSave(0, estimated=False)
        else:
            found = WouldSave(None, estimated=True)
        return replace(found, rules=written.rules, restored=written.restored)


class Savings:
    """Sums over observed turns, reported when the proxy ends."""

    def __init__(self) -> None:
        self.turns = 0
        self.processed_tokens = 0
        self.saved_tokens = 0
        self._saved: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._cured: Counter[str] = Counter()
        self._cured_turns: Counter[str] = Counter()

    def add(self, turn: Turn) -> None:
        """Count a turn."""
        self.turns += 1
        self.processed_tokens += turn.stats.processed_tokens or 0
        saving = turn.would_save
        if saving is None:
            return
        self._add_cure(turn)
        if not saving.tokens:
            return
        self.saved_tokens += saving.tokens
        cause = turn.cache_break.cause if turn.cache_break else "no break seen"
        self._saved[cause] += saving.tokens
        self._turns[cause] += 1

    def _add_cure(self, turn: Turn) -> None:
        """What a setting that the hint of a turn's break names would have kept."""
        hint = turn.cache_break.hint if turn.cache_break else None
        if hint is None or hint.command is None or not hint.saves_tokens:
            return
        setting = hint.command.removeprefix("warmprefix config set ")
        self._cured[setting] += hint.saves_tokens
        self._cured_turns[setting] += 1

    def summary(self) -> str:
        """One line, with what would have been saved by cause of the break, and what by a setting besides."""
        if not self.turns:
            return "observed no turn"
        share = f" ({self.saved_tokens / self.processed_tokens:.1%})" if self.saved_tokens else ""
        line = (
            f"observed {plural(self.turns, 'turn')}: {plural(self.processed_tokens, 'token')} processed; an "
            f"estimated {self.saved_tokens:,}{share} would have been saved without --observe"
        )
        parts = (
            f"{cause} {tokens:,} in {plural(self._turns[cause], 'turn')}"
            for cause, tokens in self._saved.most_common()
        )
        line = ": ".join(part for part in (line, ", ".join(parts)) if part)
        cures = (
            f"{setting} about {tokens:,} in {plural(self._cured_turns[setting], 'turn')}"
            for setting, tokens in self._cured.most_common()
        )
        return "; what a setting would have kept: ".join(filter(None, (line, ", ".join(cures))))
