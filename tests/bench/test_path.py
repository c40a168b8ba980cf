"""What the benchmark of the path computes, apart from what it measures."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.memory.command import Sample, growth_mb, thinned
from bench.memory.load import requests_of
from bench.path.bodies import SIZES, Mode, Size, body_of, history
from bench.path.contestants import COMPLETE, DIRECT, LITELLM
from bench.path.measure import Cell, Cells, Figure, Row, event_us
from bench.path.mock import EVENTS
from bench.path.processes import cpu_s, ticks_of, tree_of
from bench.path.profiling import table
from bench.path.report import Goal, exit_code, goals

STAT = "{pid} (a (b) c) S {parent} 1 1 0 -1 4194304 100 0 0 0 {user} {system} {cuser} {csystem} 20 0 1 0"


def stat(pid: int, parent: int, *ticks: int) -> str:
    """A line of proc_pid_stat(5) with a name that holds what separates fields."""
    user, system, cuser, csystem = ticks or (0, 0, 0, 0)
    return STAT.format(
        pid=pid, parent=parent, user=user, system=system, cuser=cuser, csystem=csystem
    )


def cell(
    first_ms: float = 1.0, median_ms: float = 1.0, rate: float = 1.0, cpu_ms: float = 1.0
) -> Cell:
    """A cell in which one figure matters."""
    return Cell(median_ms=median_ms, first_ms=first_ms, rate=rate, cpu_ms=cpu_ms)


@pytest.mark.parametrize("size", SIZES.values(), ids=lambda size: size.name)
@pytest.mark.parametrize("mode", ["whole", "stream", "paced"])
def test_a_body_has_the_messages_and_bytes_that_its_size_says(size: Size, mode: Mode) -> None:
    body = body_of(size, mode)

    assert len(json.loads(body)["messages"]) == size.messages
    assert abs(len(body) - size.bytes) <= size.bytes * 0.02


def test_two_marked_histories_share_only_their_last_message() -> None:
    one, other = (history(40, 4000, mark) for mark in ("1 ", "2 "))

    shared = [message for message in one if message in other]

    assert shared == [{"role": "user", "content": "Go."}]


def test_a_conversation_grows_by_the_reply_and_a_question() -> None:
    first, second = (json.loads(body)["messages"] for body in requests_of(7))

    assert second[: len(first)] == first
    assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
    assert len(second) == 50


def test_a_figure_is_the_median_and_half_of_what_lies_between_the_extremes() -> None:
    assert Figure.of([5.0, 1.0, 2.0]) == Figure(2.0, 2.0)
    assert Figure.of([5.0, 1.0, 2.0]).percent == 100.0


def test_processor_time_counts_both_kinds_and_ended_children() -> None:
    assert ticks_of(stat(7, 1, 1, 20, 300, 4000)) == 4321


def test_a_tree_holds_children_of_children_and_nobody_else() -> None:
    parents = {1: 0, 2: 1, 3: 2, 4: 1, 5: 4}

    assert tree_of(2, {pid: stat(pid, parent) for pid, parent in parents.items()}) == {2, 3}
    assert tree_of(9, {1: stat(1, 0)}) == set()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")
def test_processor_time_of_a_running_child_is_seen() -> None:
    """A child of a child that computes: the first of them only waits."""
    inner = f"{sys.executable} -c 'while True: pass'"
    outer = subprocess.Popen(["/bin/sh", "-c", f"echo up; {inner} & trap 'kill $!' TERM; wait; :"])
    try:
        until_s = time.monotonic() + 30
        while cpu_s(outer.pid) < 0.1 and time.monotonic() < until_s:
            time.sleep(0.01)

        assert cpu_s(outer.pid) >= 0.1
    finally:
        outer.terminate()
        outer.wait()


def test_an_event_costs_what_a_stream_costs_beyond_a_whole_reply() -> None:
    cells: Cells = {
        (COMPLETE, Row("20 KB", "whole", 16)): [cell(cpu_ms=1.0), cell(cpu_ms=2.0)],
        (COMPLETE, Row("20 KB", "paced", 16)): [cell(cpu_ms=1.5 + EVENTS / 100)],
    }

    found = event_us(cells, COMPLETE, "20 KB", 16, "paced")

    assert found is not None
    assert found.middle == pytest.approx(10.0)
    assert event_us(cells, DIRECT, "20 KB", 16, "paced") is None


def test_goals_are_met_missed_or_not_measured() -> None:
    row = Row("20 KB", "whole", 1)
    cells: Cells = {
        (DIRECT, row): [cell(median_ms=0.5)],
        (COMPLETE, row): [cell(median_ms=1.5)],
        (LITELLM, row): [cell(median_ms=10.5)],
    }

    added, times, *others = goals(cells)

    assert (added.found, added.is_met) == ("+1.00 ms", True)
    assert (times.found, times.is_met) == ("10.0 times less", False)
    assert {goal.is_met for goal in others} == {None}
    assert exit_code([added, *others]) == 0
    assert exit_code([added, times]) == 1


def test_a_goal_that_is_missed_decides_the_exit_code() -> None:
    assert exit_code([Goal("a", "", True), Goal("b", "", None)]) == 0
    assert exit_code([Goal("a", "", True), Goal("b", "", False)]) == 1


def test_a_profile_is_ordered_by_what_functions_do_themselves() -> None:
    stacks = [
        "run (a/b/c.py);work (a/b/d.py) 6",
        "run (a/b/c.py) 2",
        "run (a/b/c.py);run (a/b/c.py) 2",
    ]

    assert table(stacks) == [
        ("`work (b/d.py)`", "60.0%", "60.0%"),
        ("`run (b/c.py)`", "40.0%", "100.0%"),
    ]
    assert [row[0] for row in table(stacks, with_callees=True)] == [
        "`run (b/c.py)`",
        "`work (b/d.py)`",
    ]


def test_growth_is_told_by_thirds() -> None:
    samples = [Sample(number, mb, 0.0, 0.0) for number, mb in enumerate([10, 12, 90, 1, 15, 17])]

    assert growth_mb(samples) == 5.0
    assert growth_mb(samples[:2]) is None


def test_a_long_table_keeps_its_last_row() -> None:
    samples = [Sample(number, 0.0, 0.0, 0.0) for number in range(100)]

    kept = thinned(samples, rows=5)

    assert [sample.conversations for sample in kept] == [0, 20, 40, 60, 80, 99]
