"""The metrics for Prometheus: counters of ended turns, and the state of the proxy's own parts.

Only this file and metrics_state.py import prometheus_client. There are no globals: each application has a
registry of its own. Every label takes its values from a fixed list, and anything else is "other", so that no
client or backend can make the page grow. For the same reason, model names are not a label.
"""

from collections.abc import Collection, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from warmprefix.core.explain.cures import CAUSES
from warmprefix.core.rules import RULE_NAMES
from warmprefix.core.turn import Reading, Turn
from warmprefix.core.types import Kind, Outcome
from warmprefix.log.rates import RATE_TOKENS
from warmprefix.profiles import PROFILES, generic

OTHER = "other"
NOT_UNDERSTOOD = "not-understood"
"""The kind of a turn whose body was forwarded unchanged."""

CLIENTS = frozenset(profile.name for profile in (*PROFILES, generic.PROFILE))
KINDS = frozenset((*(kind.value for kind in Kind), NOT_UNDERSTOOD))
SIDES = frozenset(("client", "backend", "template", "proxy", "unknown"))
RESTORED = frozenset(
    {
        "arguments",
        "content",
        "fields",
        "ids",
        "moved-volatile",
        "opening",
        "reasoning",
        "reply",
        "tools",
        "transient",
        "volatile",
    }
)

BACKEND_ERRORS = frozenset(
    (
        Outcome.BACKEND_ERROR,
        Outcome.BACKEND_UNREACHABLE,
        Outcome.BACKEND_DISCONNECTED,
        Outcome.BACKEND_TIMEOUT,
    )
)

PROXY_BUCKETS_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""From a short prompt (0.3 ms) to megabytes of history that were never seen before."""

FIRST_TOKEN_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""From a fully cached prompt to 30,000 tokens read on a processor without a GPU."""


_WHO = ("client", "kind")

COUNTERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("turns", "Turns that ended.", (*_WHO, "outcome")),
    ("prompt_tokens", "Tokens of prompts, as reported.", _WHO),
    ("cached_tokens", "Of these, reused by the backend.", _WHO),
    ("processed_tokens", "Of these, evaluated.", _WHO),
    (
        "direct_tokens",
        "Estimate of what would have been evaluated without the proxy. The difference is what it has kept.",
        _WHO,
    ),
    ("generated_tokens", "Tokens produced.", _WHO),
    (
        "put_back_tokens",
        "Estimate of the prompts' tokens that opt-in rules put back: the client did not send them.",
        _WHO,
    ),
    ("prompt_seconds", "Time that the backend took to read prompts, as reported.", ()),
    (
        "direct_seconds",
        "Estimate of that time without the proxy: what it took, and the tokens that were kept at the time per "
        f"token of the turn if it evaluated at least {RATE_TOKENS}, otherwise of the last such turn of the "
        "same model. The difference is what the proxy has kept.",
        (),
    ),
    ("cache_breaks", "Turns whose prompt did not continue the one before.", ("cause", "side")),
    ("lost_tokens", "Tokens evaluated again because of a break, as reported.", ("cause",)),
    ("restored_turns", "Turns in which this was restored.", ("what",)),
    ("rule_turns", "Turns in which the rule changed something.", ("rule",)),
    ("backend_errors", "Turns that the backend failed.", ("outcome",)),
)
"""Name without `warmprefix_` and `_total`, help text, labels."""


class Registry(CollectorRegistry):
    """Without the creation times of series: they double the page, and no query of ours needs them."""

    def collect(self) -> Iterator[Metric]:
        """The families of every collector."""
        for family in super().collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family


class Metrics:
    """Counts turns as they end. `page` includes the collectors that others have added."""

    def __init__(self) -> None:
        self.registry = Registry()
        self._counters = {
            name: Counter(f"warmprefix_{name}", meaning, labels, registry=self.registry)
            for name, meaning, labels in COUNTERS
        }
        for outcome in BACKEND_ERRORS:  # there from the start, so that the first one shows
            self._add("backend_errors", outcome.value, number=0)
        self._proxy_s = Histogram(
            "warmprefix_proxy_seconds",
            "The proxy's own time: from the arrival of a request until it is sent.",
            registry=self.registry,
            buckets=PROXY_BUCKETS_S,
        )
        self._first_s = Histogram(
            "warmprefix_time_to_first_token_seconds",
            "From the arrival of a request to the first generated text; streams only.",
            registry=self.registry,
            buckets=FIRST_TOKEN_BUCKETS_S,
        )

    def _add(self, name: str, *labels: str, number: float = 1) -> None:
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(number)

    def saw(self, turn: Turn, direct: Reading) -> None:
        """Count a turn that has ended. `direct`: as it would have been read without us. Never raises for what a
        backend reported."""
        client, named = known(turn.client, CLIENTS), turn.kind
        kind = known(named.value, KINDS) if named else NOT_UNDERSTOOD
        self._add("turns", client, kind, turn.outcome.value)
        if turn.outcome in BACKEND_ERRORS:
            self._add("backend_errors", turn.outcome.value)
        self._count_tokens(turn, direct, client, kind)
        self._count_break(turn)
        for name in {known(name, RULE_NAMES) for name in turn.rules}:
            self._add("rule_turns", name)
        for name in {known(name, RESTORED) for name in turn.restored}:
            self._add("restored_turns", name)
        self._proxy_s.observe(turn.times.proxy_ms / 1000)
        if turn.times.first_ms is not None:
            self._first_s.observe(turn.times.first_ms / 1000)

    def _count_tokens(self, turn: Turn, direct: Reading, *labels: str) -> None:
        stats, (direct_tokens, direct_ms) = turn.stats, direct
        for name, reported in (
            ("prompt_tokens", stats.prompt_tokens),
            ("cached_tokens", stats.cached_tokens),
            ("processed_tokens", stats.processed_tokens),
            ("direct_tokens", direct_tokens),
            ("generated_tokens", stats.generated_tokens),
            ("put_back_tokens", turn.put_back_tokens),
        ):
            if reported is not None:
                self._add(name, *labels, number=amount(reported))
        for name, took_ms in (("prompt_seconds", stats.prompt_ms), ("direct_seconds", direct_ms)):
            if took_ms is not None:
                self._add(name, number=took_ms / 1000)

    def _count_break(self, turn: Turn) -> None:
        found = turn.cache_break
        if found is None:
            return
        cause = known(found.cause, CAUSES)
        self._add("cache_breaks", cause, known(found.side, SIDES))
        if found.tokens_lost is not None:
            self._add("lost_tokens", cause, number=amount(found.tokens_lost))

    def names(self) -> list[str]:
        """The names of all metrics, as on the page."""
        return sorted(
            f"{family.name}_total" if family.type == "counter" else family.name
            for family in self.registry.collect()
        )

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Every metric, and the content type: OpenMetrics if `Accept` asks for it, otherwise plain text."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def known(name: str, names: Collection[str]) -> str:
    """The name if it is in the list, otherwise "other"."""
    return name if name in names else OTHER


def amount(reported: int) -> float:
    """A reported count; 0 if no backend can have counted that."""
    return float(reported) if 0 <= reported < 2**53 else 0.0
