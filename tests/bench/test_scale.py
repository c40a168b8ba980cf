"""The benchmark of several proxies: its clients and verdicts, without the fleet."""

import json
import threading
from collections.abc import Iterator

import pytest

from bench.path.load import Told
from bench.scale import faults, load, reuse, rig, store
from bench.scale.command import options
from bench.scale.echo import Backend, answer_to
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


def test_the_backend_sees_a_mark_of_another_conversation() -> None:
    backend = Backend()
    own = {"role": "user", "content": "<c1> question #7"}
    said = backend.chat(json.dumps({"messages": [own]}).encode())
    assert answer_to("<c1>", 7) in json.dumps(said).replace("\\n", "\n")
    assert backend.foreign == 0

    backend.chat(json.dumps({"messages": [{"role": "user", "content": "<c2>"}, own]}).encode())
    assert (backend.foreign, backend.answered) == (1, [7, 7])


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


@pytest.mark.parametrize(
    ("phase", "is_clean"), [("nothing", False), ("the ledger", False), ("proxy 1", True)]
)
def test_only_a_proxy_that_was_killed_may_fail_requests(phase: str, is_clean: bool) -> None:
    journal = Journal(10)
    journal.failed[phase] += 1

    assert Verdict(journal, 0, 10).is_clean is is_clean


@pytest.fixture
def echo() -> Iterator[str]:
    with rig.worker("bench.scale.echo") as (port, _):
        yield f"http://127.0.0.1:{port}"


def test_a_client_gets_its_own_answers(echo: str) -> None:
    journal, stop = Journal(), threading.Event()
    client = Client(3, echo, journal, stop)
    client.start()
    while journal.answered < 20:
        assert client.is_alive()
    stop.set()
    client.join(10)

    assert (journal.wrong, journal.lost) == (0, 0)
    told = faults.told(echo)
    assert told["foreign"] == 0
    assert len(told["answered"]) >= 20


def test_a_store_of_the_smallest_size_is_measured() -> None:
    first, second = store.measure((5, 20))

    assert (first.conversations, second.conversations) == (5, 20)
    assert second.counted_each > 8 * 500
    assert second.bytes_each > 8 * 500
    assert 0 < second.p50_ms <= second.p99_ms
