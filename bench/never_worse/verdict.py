"""The law: what the sums, each plan, and a single conversation may cost through the proxy."""

from dataclasses import dataclass, field

PLAN_SHARE = 1.05


@dataclass(frozen=True, slots=True)
class Pair:
    """One plan, played directly and through the proxy. Tokens evaluated for its clients.

    `ahead`: those that the proxy had evaluated by itself. `failed`: requests that failed only through it.
    `sleepless`: naps that it kept the server from.
    """

    seed: int
    kind: str
    requests: int
    strict: bool
    direct: int
    through: int
    ahead: int
    failed: int = 0
    sleepless: int = 0

    @property
    def ratio(self) -> float:
        """Through over direct."""
        return self.through / max(1, self.direct)

    @property
    def figures(self) -> str:
        """Which plan, and its figures."""
        return f"seed {self.seed} ({self.kind}) {self.direct:,} -> {self.through:,}"

    def broken(self) -> str | None:
        """The law that this plan alone breaks, in words."""
        if self.failed:
            return f"{self.failed} requests failed that did not fail directly: {self.figures}"
        if self.sleepless:
            return f"the server never slept: {self.figures}"
        if self.strict and self.through > self.direct + self.requests:
            return f"above direct + 1 per request: {self.figures}"
        if self.through > PLAN_SHARE * self.direct + self.requests:
            return f"above {PLAN_SHARE} x direct + 1 per request: {self.figures}"
        return None


@dataclass(slots=True)
class Row:
    """All plans of one setting and model."""

    setting: str
    model: str
    pairs: list[Pair] = field(default_factory=list)

    @property
    def direct(self) -> int:
        """Tokens evaluated without the proxy."""
        return sum(pair.direct for pair in self.pairs)

    @property
    def through(self) -> int:
        """Tokens evaluated for the clients with it."""
        return sum(pair.through for pair in self.pairs)

    @property
    def ahead(self) -> int:
        """Tokens that the proxy had evaluated by itself."""
        return sum(pair.ahead for pair in self.pairs)

    def worst(self) -> Pair:
        """The plan with the highest ratio."""
        return max(self.pairs, key=lambda pair: pair.ratio)

    def broken(self, *, parallel: bool) -> list[str]:
        """The laws that are broken, each with a plan or the sums. In parallel only the sums count: which
        request comes first is chance."""
        found = []
        if self.through > self.direct:
            found.append(f"the sum is above direct: {self.through:,} > {self.direct:,}")
        singly = [pair for pair in self.pairs if not parallel or pair.failed]
        found += [law for pair in singly if (law := pair.broken())]
        return found
