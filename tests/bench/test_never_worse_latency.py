"""What `bench never_worse --latency` judges: nobody waits for a busy slot, and the first byte is not late."""

from dataclasses import replace

import pytest

from bench.never_worse.latency import Times, busy, crowd
from bench.never_worse.plan import Ask, Json
from bench.never_worse.player import rests_of

TIMES = Times((0.1,) * 20, (0.104,) * 20, (0.0, 0.0), busy=0, failed=0)
JUDGED: list[tuple[str, Times, bool]] = [
    ("added-little", TIMES, True),
    ("added-much", replace(TIMES, through=(0.106,) * 20), False),
    ("one-of-twenty-is-late", replace(TIMES, through=(*(0.1,) * 18, 0.2, 0.2)), False),
    ("went-to-a-busy-slot", replace(TIMES, busy=1), False),
    ("failed", replace(TIMES, failed=1), False),
]


@pytest.mark.parametrize(
    ("times", "holds"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED]
)
def test_the_verdict(times: Times, holds: bool) -> None:
    assert times.holds is holds


def turn(slot: int | None, second: int, total_ms: int = 1000) -> Json:
    return {"slot": slot, "time": f"2026-01-01T00:00:{second:02}.000Z", "total_ms": total_ms}


LOGS: list[tuple[str, list[Json], int]] = [
    ("one-after-the-other", [turn(0, 1), turn(0, 2)], 0),
    ("at-once-in-one", [turn(0, 1, 1500), turn(0, 2)], 1),
    ("at-once-in-two", [turn(0, 1, 1500), turn(1, 2)], 0),
    ("left-to-the-server", [turn(None, 1, 1500), turn(None, 2)], 0),
]


@pytest.mark.parametrize(("log", "sent"), [row[1:] for row in LOGS], ids=[row[0] for row in LOGS])
def test_a_request_that_was_sent_to_a_busy_slot_is_counted(log: list[Json], sent: int) -> None:
    assert busy(log) == sent


def test_clients_rest_alike_in_each_play_of_a_plan() -> None:
    plan = crowd(3, 2)
    steps = list(enumerate(plan.steps))
    first, second = rests_of(plan, steps, 0.6), rests_of(crowd(3, 2), steps, 0.6)

    assert first == second
    assert len(set(first)) == len(steps)
    assert all(0 <= rest <= 0.6 for rest in first)
    assert set(rests_of(plan, steps, 0.0)) == {0.0}


def test_a_crowd_streams_and_has_nothing_in_common() -> None:
    plan = crowd(3, 2)

    assert all(isinstance(step, Ask) and step.options["stream"] for step in plan.steps)
    assert len({str(opening) for opening in plan.systems.values()}) == 2
    assert not plan.needs_mouth
