"""The state of our own parts, read when Prometheus asks: the ledger, the log, what failed open."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from warmprefix.core.rules import RULE_NAMES
from warmprefix.counters import REASONS, Counters
from warmprefix.log.metrics import known
from warmprefix.log.writer import TurnLog
from warmprefix.stores.base import Store
from warmprefix.tasks import Tasks

FAIL_OPEN = REASONS | {f"rule {name}" for name in RULE_NAMES}


@dataclass(frozen=True, slots=True)
class State(Collector):
    """Reads the counters of other parts. `owns`: whether the slots of each backend, by name, are ours."""

    counters: Counters
    log: TurnLog
    store: Store
    tasks: Tasks
    owns: Callable[[], Mapping[str, bool]]

    def collect(self) -> Iterable[Metric]:
        """The families, with the values of this moment."""
        yield self._fail_open()
        yield _count(
            "log_lines_dropped", "Lines of the log dropped: too many waited.", self.log.dropped
        )
        yield _count(
            "log_lines_failed", "Lines that a stream or file did not take.", self.log.failed
        )
        yield _count("tasks_failed", "Background tasks that ended in an error.", self.tasks.failed)
        yield from self._prewarms()
        yield from self._snapshots()
        yield from self._openings()
        yield self._owned()
        ledger = self.store.state()
        yield _gauge("ledger_conversations", "Conversations in the ledger.", ledger.conversations)
        yield _gauge("ledger_messages", "Messages in the ledger.", ledger.messages)
        yield _gauge("ledger_bytes", "Size of the ledger.", ledger.bytes)
        yield _count("ledger_entries_lost", "Turns that the ledger could not store.", ledger.lost)
        yield _count(
            "ledger_files_replaced", "Ledger files found damaged and set aside.", ledger.replaced
        )
        answer_s = ledger.answer_p99_s
        yield _gauge("ledger_answer_p99_seconds", "How long the ledger takes.", answer_s)

    def _prewarms(self) -> Iterable[Metric]:
        counts = self.counters.prewarms
        yield _count("prewarms", "Coming prompts that were read ahead.", counts["runs"])
        yield _count("prewarmed_tokens", "Tokens that were read ahead.", counts["tokens"])
        yield _count("prewarms_cancelled", "Of these, ended by a request.", counts["cancelled"])

    def _snapshots(self) -> Iterable[Metric]:
        counts = self.counters.snapshots
        yield _count("slots_saved", "Slots saved to disk.", counts["saved"])
        yield _count("slots_restored", "Slots restored from disk.", counts["restored"])
        tokens = counts["restored_tokens"]
        yield _count("restored_tokens", "Tokens that were restored instead of evaluated.", tokens)

    def _openings(self) -> Iterable[Metric]:
        counts = self.counters.openings
        yield _count("openings_saved", "Openings saved to disk.", counts["saved"])
        yield _count("openings_restored_ahead", "Openings put into slots.", counts["restored"])

    def _owned(self) -> Metric:
        family = GaugeMetricFamily(
            "warmprefix_slots_owned",
            "Whether this proxy chooses slots of the backend.",
            labels=["backend"],
        )
        for backend, owns in self.owns().items():
            family.add_metric([backend], owns)
        return family

    def _fail_open(self) -> Metric:
        family = CounterMetricFamily(
            "warmprefix_fail_open",
            "Requests, messages or records that went on without a part of the proxy that failed.",
            labels=["reason"],
        )
        by_reason = dict.fromkeys(REASONS, 0)  # there from the start, so that the first one shows
        for name, number in self.counters.fail_open.items():
            reason = known(name, FAIL_OPEN)
            by_reason[reason] = by_reason.get(reason, 0) + number
        for reason, number in sorted(by_reason.items()):
            family.add_metric([reason], number)
        return family


def _count(name: str, meaning: str, value: int) -> Metric:
    return CounterMetricFamily(f"warmprefix_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"warmprefix_{name}", meaning, value=value)
