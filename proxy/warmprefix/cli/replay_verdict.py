"""Whether a replayed session is good enough, for CI: how much was reused, what broke, what that cost. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from warmprefix.capture.replay import Step
from warmprefix.core.plural import plural


@dataclass(slots=True)
class Cause:
    """The breaks of one cause in the client's own prompts. `lost_tokens`: read again because of them;
    `kept_tokens`: of these, not read through the proxy; `turns_left`: turns that break through the proxy
    too."""

    turns: int = 0
    turns_left: int = 0
    lost_tokens: int = 0
    kept_tokens: int = 0


@dataclass(slots=True)
class Figures:
    """Sums of a session through the proxy. `asked`, `reused`: characters of the prompts that follow another,
    and of these what the one before holds."""

    asked: int = 0
    reused: int = 0
    causes: dict[str, Cause] = field(default_factory=dict)

    @property
    def reuse(self) -> float | None:
        """The share that is reused, None if no prompt follows another."""
        return self.reused / self.asked if self.asked else None

    @property
    def breaks(self) -> int:
        """Turns that break through the proxy."""
        return sum(cause.turns_left for cause in self.causes.values())

    @property
    def lost_tokens(self) -> int:
        """Tokens that are read again through the proxy, as far as counts were captured."""
        return sum(cause.lost_tokens - cause.kept_tokens for cause in self.causes.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """What is demanded; None for nothing. `min_reuse`: percent."""

    min_reuse: float | None = None
    max_breaks: int | None = None
    max_lost: int | None = None


def figures_of(steps: Sequence[Step]) -> Figures:
    """The sums."""
    found = Figures()
    for step in steps:
        if step.compared is not None and step.before is not None:
            found.asked += step.compared.through.total
            found.reused += step.compared.through.characters
        if step.turn.cache_break is not None:
            _add(found.causes.setdefault(step.turn.cache_break.cause, Cause()), step)
    return found


def _add(cause: Cause, step: Step) -> None:
    lost, kept = lost_and_kept(step)
    cause.turns += 1
    cause.turns_left += is_left(step)
    cause.lost_tokens += lost
    cause.kept_tokens += kept


def lost_and_kept(step: Step) -> tuple[int, int]:
    """The tokens that a break of the client's own prompt costs, and how many of them the proxy keeps."""
    found, saving = step.turn.cache_break, step.turn.would_save
    lost = found.tokens_lost or 0 if found else 0
    return lost, min(lost, saving.tokens or 0 if saving else 0)


def is_left(step: Step) -> bool:
    """Whether a turn breaks through the proxy too: something is still lost; without counts, nothing is
    gained."""
    found = step.turn.cache_break
    if found is None:
        return False
    if found.tokens_lost is not None and step.turn.would_save is not None:
        lost, kept = lost_and_kept(step)
        return kept < lost or not lost
    return step.compared is None or step.compared.through.left >= step.compared.direct.left


def missed(figures: Figures, limits: Limits) -> Iterator[str]:
    """A line for each demand that is not met."""
    if limits.min_reuse is not None:
        reuse = (figures.reuse if figures.reuse is not None else 1.0) * 100
        if reuse < limits.min_reuse:
            yield f"{reuse:.1f}% of the prompts reused, fewer than the {limits.min_reuse:g}% demanded"
    if limits.max_breaks is not None and figures.breaks > limits.max_breaks:
        causes = Counter({name: one.turns_left for name, one in figures.causes.items()})
        named = ", ".join(f"{name} {turns}" for name, turns in causes.most_common() if turns)
        yield f"{plural(figures.breaks, 'break')}, more than the {limits.max_breaks:,} allowed: {named}"
    if limits.max_lost is not None and figures.lost_tokens > limits.max_lost:
        yield (
            f"{plural(figures.lost_tokens, 'token')} lost to breaks, more than the "
            f"{limits.max_lost:,} allowed"
        )
