"""What is counted of failures that no client noticed."""

import re
from pathlib import Path

from warmprefix.counters import REASONS, Counters

PACKAGE = Path(__file__).parent.parent / "proxy" / "warmprefix"
NAMED = re.compile(r'(?:failed_open\(|guard\([\w.]+, |tell\([\w.]+, )"([\w-]+)"')


def test_each_failure_counts_and_is_noted_once() -> None:
    counters, noted = Counters(), ["store"]
    for what in ("record", "record", "store"):
        counters.failed_open(what, noted)

    assert counters.fail_open == {"record": 2, "store": 1}
    assert noted == ["store", "record"]


def test_one_that_belongs_to_no_turn_is_counted() -> None:
    counters = Counters()
    counters.failed_open("log")

    assert counters.fail_open == {"log": 1}


def test_every_reason_in_the_source_is_a_known_one() -> None:
    """Metrics show the others under no name of their own."""
    named = {name for file in PACKAGE.rglob("*.py") for name in NAMED.findall(file.read_text())}

    assert len(named) > 8
    assert named <= REASONS
