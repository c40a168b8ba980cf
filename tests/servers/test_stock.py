"""The stock server is what users run, and says of itself what the slot table relies on."""

import sys

import pytest

from tests.servers.stock import Server, StartStock, StockServer, free_port

pytestmark = pytest.mark.backend


def test_a_server_that_does_not_answer_is_ended() -> None:
    server = Server([sys.executable, "-c", "import time; time.sleep(600)"], free_port(), {})
    server.spawn()
    process = server.process
    assert process is not None
    with pytest.raises(RuntimeError, match="did not start"):
        server.wait(0.1)

    assert process.poll() is not None


def ask(server: StockServer, text: str) -> dict[str, int]:
    messages = [{"role": "user", "content": text}]
    answer = server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 2})
    counts: dict[str, int] = answer["timings"]
    return counts


def test_without_flags_it_has_four_slots_and_clears_the_idle_ones(start_stock: StartStock) -> None:
    """The counts of `/slots`: absent for a slot never used, 0 for one that was cleared."""
    server = start_stock()

    ask(server, "apple " * 50)
    ask(server, "pear " * 50)

    tokens = [slot.get("n_prompt_tokens") for slot in server.get("/slots")]
    assert server.get("/props")["total_slots"] == 4
    assert sorted(tokens, key=lambda n: -1 if n is None else n)[:3] == [None, None, 0]


def test_slots_of_their_own_keep_what_they_hold(start_stock: StartStock) -> None:
    server = start_stock("-np", "4")

    ask(server, "apple " * 50)
    ask(server, "pear " * 50)

    held = [slot["n_prompt_tokens"] for slot in server.get("/slots") if "id_task" in slot]
    assert len(held) == 2
    assert all(held)


def test_a_cleared_slot_that_is_asked_for_does_not_look_into_the_ram_cache(
    start_stock: StartStock,
) -> None:
    server = start_stock()
    body = {"messages": [{"role": "user", "content": "apple " * 50}], "max_tokens": 2}
    server.post("/v1/chat/completions", body)
    cleared = next(slot["id"] for slot in server.get("/slots") if slot.get("n_prompt_tokens"))
    ask(server, "pear " * 50)

    pinned = server.post("/v1/chat/completions", {**body, "id_slot": cleared})["timings"]
    ask(server, "pear " * 50)
    free = server.post("/v1/chat/completions", body)["timings"]

    assert pinned["cache_n"] == 0
    assert free["prompt_n"] <= 2
