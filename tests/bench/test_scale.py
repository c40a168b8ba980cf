"""The benchmark of several proxies: its clients and verdicts, without the fleet."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.path.load import Told
from bench.scale import load, reuse, rig, store
from bench.scale.command import options
from bench.scale.echo import Backend, answer_to, told
from bench.scale.faults import Client, Journal, Verdict
from bench.scale.reuse import Row
from bench.sessions.changes import Draft


def row(way: str, cached: int, noise: str = "clean") -> Row:
    return Row(way, noise, cached, 1000)


def test_a_way_through_three_proxies_may_lose_a_hundredth_of_what_one_reuses() -> None:
    rows = [
        row("one proxy, one server", 900),
        row("three proxies, two servers", 892),
        row("three proxies, haproxy, two servers", 890),
        row("haproxy without us, two servers", 10),
    ]

    assert reuse.missed(rows) == [rows[2]]
    assert rows[0].share == 0.9


def test_the_clock_is_the_first_thing_in_the_prompt_and_moves() -> None:
    history = ({"role": "system", "content": reuse.SYSTEM},)
    first, second = (reuse.clock(Draft(history, (), at)).messages[0]["content"] for at in (1, 2))

    assert first.startswith("Current time")
    assert first[:40] != second[:40]
    assert [noise.name for noise in reuse.NOISES[:2]] == ["clean", "reloaded"]


def test_a_small_run_has_small_sizes() -> None:
    assert options(["--quick"]).conversations == 2_000
    assert options(["--conversations", "10"]).conversations == 10
    assert options(["--part", "load", "--part", "store"]).part == ["load", "store"]


def test_the_times_of_a_load_are_sorted() -> None:
    told = Told(seconds=[0.2, 0.1, 0.3], total_s=0.5)

    found = load.row_of(2, "redis", 16, told)
    assert (found.a_second, found.p50_ms, found.p99_ms) == (6.0, 200.0, 300.0)


def test_the_backend_sees_a_mark_of_another_conversation(tmp_path: Path) -> None:
    journal = tmp_path / "answered"
    backend = Backend(journal)
    own = {"role": "user", "content": "<c1> question #7"}
    said = backend.chat(json.dumps({"messages": [own]}).encode())
    assert answer_to("<c1>", 7) in json.dumps(said).replace("\\n", "\n")
    assert told(journal) == ([7], 0)

    backend.chat(json.dumps({"messages": [{"role": "user", "content": "<c2>"}, own]}).encode())
    assert told(journal) == ([7, 7], 1)


@pytest.mark.parametrize(
    ("journal", "foreign", "is_clean"),
    [
        (Journal(10), 0, True),
        (Journal(10), 1, False),
        (Journal(10, wrong=1), 0, False),
        (Journal(10, lost=1), 0, False),
    ],
)
def test_a_verdict_is_clean_if_nothing_is_lost_or_foreign(
    journal: Journal, foreign: int, is_clean: bool
) -> None:
    assert Verdict(journal, foreign, 10).is_clean is is_clean


def test_an_answer_that_no_backend_gave_is_not_clean() -> None:
    assert not Verdict(Journal(10), 0, 10, unseen=1).is_clean


@pytest.mark.parametrize(
    ("phase", "is_clean"),
    [("nothing", False), ("the ledger", False), ("proxy 1", True), ("backend 1", True)],
)
def test_only_a_part_that_was_killed_may_fail_requests(phase: str, is_clean: bool) -> None:
    journal = Journal(10)
    journal.failed[phase] += 1

    assert Verdict(journal, 0, 10).is_clean is is_clean


@pytest.fixture
def echo() -> Iterator[rig.Echo]:
    with rig.echoes(1) as (made,):
        yield made


def test_a_client_gets_its_own_answers(echo: rig.Echo) -> None:
    journal, stop = Journal(), threading.Event()
    client = Client(3, echo.url, journal, stop)
    client.start()
    while journal.answered < 20:
        assert client.is_alive()
    stop.set()
    client.join(10)

    assert (journal.wrong, journal.lost) == (0, 0)
    found = told(echo.journal)
    assert found.foreign == 0
    assert journal.numbers == set(found.answered)


def test_a_backend_that_was_killed_has_not_forgotten_what_it_answered(echo: rig.Echo) -> None:
    journal = Journal()
    for number in (1, 2):
        Client(number, echo.url, journal, threading.Event())._asked(
            f"<c{number}>", number, [{"role": "user", "content": f"<c{number}> question #{number}"}]
        )
        echo.kill()
        echo.start()

    assert told(echo.journal) == ([1, 2], 0)
    assert journal.lost == 0


def test_a_store_of_the_smallest_size_is_measured() -> None:
    first, second = store.measure((5, 20))

    assert (first.conversations, second.conversations) == (5, 20)
    assert second.counted_each > 8 * 500
    assert second.bytes_each > 8 * 500
    assert 0 < second.p50_ms <= second.p99_ms
