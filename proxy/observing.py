"""What the proxy would have saved where it only observes: of one turn, and of all of them."""

from collections import Counter

from proxy.core.saving import WouldSave, held, reach, would_save
from proxy.core.turn import Turn
from proxy.core.types import CacheStats, Prompt
from proxy.recent import Last

NOT_KNOWN = WouldSave(None, estimated=True)


def saving_of(
    before: Last | None, sent: Prompt, shadow: Prompt, stats: CacheStats, *, is_first: bool
) -> WouldSave:
    """The saving of a turn after `before`; the first turn of a conversation can save nothing."""
    if before is None or before.shadow is None:
        return WouldSave(0, estimated=False) if is_first else NOT_KNOWN
    direct = reach(held(before.prompt, before.reply), sent)
    through = reach(held(before.shadow, before.reply), shadow)
    return would_save(stats, direct, through)


class Savings:
    """Sums over observed turns, told when the proxy ends."""

    def __init__(self) -> None:
        self.turns = 0
        self.processed_tokens = 0
        self.saved_tokens = 0
        self._saved: Counter[str] = Counter()
        self._acted: Counter[str] = Counter()

    def add(self, turn: Turn) -> None:
        """Count a turn."""
        self.turns += 1
        self.processed_tokens += turn.stats.processed_tokens or 0
        saving = turn.would_save
        if saving is None or not saving.tokens:
            return
        self.saved_tokens += saving.tokens
        names = (*(f"rule {name}" for name in saving.rules), *map(restore_name, saving.restored))
        for name in names:
            self._saved[name] += saving.tokens
            self._acted[name] += 1

    def summary(self) -> str:
        """One line. A turn counts under each rule and restore that would have acted on it."""
        if not self.turns:
            return "observed no turn"
        share = f" ({self.saved_tokens / self.processed_tokens:.1%})" if self.saved_tokens else ""
        line = (
            f"observed {plural(self.turns, 'turn')}: {self.processed_tokens:,} tokens processed, an "
            f"estimated {self.saved_tokens:,}{share} of them saved without --observe"
        )
        parts = (
            f"{name} {tokens:,} in {plural(self._acted[name], 'turn')}"
            for name, tokens in self._saved.most_common()
        )
        return ": ".join(part for part in (line, ", ".join(parts)) if part)


def restore_name(name: str) -> str:
    """What was put back, as a phrase."""
    return f"restored {name}" if name != "moved-volatile" else name


def plural(count: int, noun: str) -> str:
    """`1 turn`, `2 turns`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
