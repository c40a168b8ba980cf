"""The state of our own parts as Prometheus reads it: every count under its own name."""

import io
from collections.abc import Iterator

import pytest
from prometheus_client import Metric

from tests.stores.entries import entry
from warmprefix.counters import REASONS, Counters
from warmprefix.log.metrics_state import State
from warmprefix.log.writer import TurnLog
from warmprefix.stores.memory import MemoryStore
from warmprefix.tasks import Tasks


class Parts:
    """Parts that have done nothing yet, and what is shown of them."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.log = TurnLog(io.BytesIO())
        self.store = MemoryStore(10**9, 10**9)
        self.tasks = Tasks()
        self.owned: dict[str, bool] = {}

    def families(self) -> list[Metric]:
        return list(
            State(self.counters, self.log, self.store, self.tasks, self.owned.copy).collect()
        )

    def shown(self) -> dict[str, float]:
        """The values without labels, by name."""
        samples = [sample for family in self.families() for sample in family.samples]
        return {s.name.removeprefix("warmprefix_"): s.value for s in samples if not s.labels}

    def failures(self) -> dict[str, float]:
        """How often each failed open."""
        (family,) = [f for f in self.families() if f.name == "warmprefix_fail_open"]
        return {sample.labels["reason"]: sample.value for sample in family.samples}


@pytest.fixture
def parts() -> Iterator[Parts]:
    made = Parts()
    yield made
    made.log.close()


def test_everything_is_shown_from_the_start(parts: Parts) -> None:
    """So that the first one shows as a change."""
    assert set(parts.shown().values()) == {0.0}
    assert parts.failures() == dict.fromkeys(REASONS, 0.0)


COUNTS: list[tuple[str, str, str]] = [
    ("prewarms", "runs", "prewarms_total"),
    ("prewarms", "tokens", "prewarmed_tokens_total"),
    ("prewarms", "cancelled", "prewarms_cancelled_total"),
    ("snapshots", "saved", "slots_saved_total"),
    ("snapshots", "restored", "slots_restored_total"),
    ("snapshots", "restored_tokens", "restored_tokens_total"),
]


@pytest.mark.parametrize(("kept", "key", "name"), COUNTS, ids=[row[2] for row in COUNTS])
def test_a_count_is_shown_under_its_name(parts: Parts, kept: str, key: str, name: str) -> None:
    before = parts.shown()
    getattr(parts.counters, kept)[key] += 3
    after = parts.shown()

    assert {name for name in after if after[name] != before[name]} == {name}
    assert after[name] == 3.0


def test_the_log_and_the_tasks_are_shown(parts: Parts) -> None:
    parts.tasks.failed = 2
    before = parts.shown()

    assert before["tasks_failed_total"] == 2.0
    assert {"log_lines_dropped_total", "log_lines_failed_total"} <= set(before)


def test_the_ledger_is_shown(parts: Parts) -> None:
    parts.store.put(entry("a", "s", "q"))
    parts.store.put(entry("b", "s"))
    shown, state = parts.shown(), parts.store.state()

    assert (shown["ledger_conversations"], shown["ledger_messages"]) == (2.0, 2.0)
    assert shown["ledger_bytes"] == state.bytes > 0
    assert {"ledger_entries_lost_total", "ledger_files_replaced_total"} <= set(shown)


def test_whose_the_slots_of_each_backend_are(parts: Parts) -> None:
    parts.owned |= {"one": True, "two": False}
    (family,) = [each for each in parts.families() if each.name == "warmprefix_slots_owned"]

    assert {s.labels["backend"]: s.value for s in family.samples} == {"one": 1.0, "two": 0.0}


def test_a_failure_is_shown_by_its_reason_and_an_unknown_one_without_its_name(parts: Parts) -> None:
    """Whatever names it has, the page stays bounded."""
    for what in ("store", "store", "rule key-order", "made up", "made up too"):
        parts.counters.failed_open(what)
    failures = parts.failures()

    assert (failures["store"], failures["rule key-order"]) == (2.0, 1.0)
    assert sum(failures.values()) == 5.0
    assert len(failures) == len(REASONS) + 2
