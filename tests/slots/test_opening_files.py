"""How the file of an opening is made, and what the slots hold then."""

from pathlib import Path

import pytest

from tests.fakes.running_proxy import RunningProxy
from tests.servers.stock import StartStock
from tests.slots.beginning import begun, chat, learnt, openings, proxied, rested, seating_of
from warmprefix.counters import Counters

pytestmark = pytest.mark.backend


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.slots.openings._SAVED_S", 0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slots").mkdir()
    return tmp_path / "slots"


def counters_of(proxy: RunningProxy) -> Counters:
    own = seating_of(proxy).openings
    assert own is not None
    return own.files.counters


@pytest.mark.parametrize("flags", [(), ("-np", "1"), ("-np", "2", "--cache-ram", "0")])
async def test_it_is_cut_from_the_file_of_a_conversation_and_nothing_is_read(
    start_stock: StartStock, folder: Path, flags: tuple[str, ...]
) -> None:
    """A slot that was lent gets its conversation back, another is emptied."""
    server = start_stock(*flags, "--slot-save-path", f"{folder}/")
    async with proxied(server, folder) as proxy:
        history = await learnt(proxy)
        held = [slot.content for slot in seating_of(proxy).table.slots if slot.content]
        await chat(proxy, history)
        *_, record = await proxy.records()
        evaluated = counters_of(proxy).prewarms["tokens"]

    assert evaluated <= 1
    assert not any(content.opening for content in held)
    assert record["processed_tokens"] < 100


async def test_the_most_used_are_restored_into_empty_slots_after_a_start(
    start_stock: StartStock, folder: Path, tmp_path: Path
) -> None:
    """Only if no request has come since, and one slot is left free."""
    server = start_stock("-np", "2", "--slot-save-path", f"{folder}/")
    index = tmp_path / "slots.json"
    async with proxied(server, folder, index=index) as proxy:
        await learnt(proxy)
    server.kill()
    server.start()
    async with proxied(server, folder, index=index) as proxy:
        (opening,) = openings(proxy)
        held = [
            slot.content.opening if slot.content else "" for slot in seating_of(proxy).table.slots
        ]
        counters = counters_of(proxy)
        await chat(proxy, begun("gamma"))
        record = await proxy.record()
        seating_of(proxy).started_again()
        await rested()

        assert counters.openings["restored"] == 1
        assert counters.fail_open == {}
    assert held == [opening.name, ""]
    assert record["slot_reason"] == "holds its opening"
    assert record["restored"] == ["opening"]
    assert record["processed_tokens"] < 500


async def test_nothing_is_restored_ahead_if_that_is_off(
    start_stock: StartStock, folder: Path, tmp_path: Path
) -> None:
    server = start_stock("--slot-save-path", f"{folder}/")
    index = tmp_path / "slots.json"
    async with proxied(server, folder, index=index) as proxy:
        await learnt(proxy)
    server.kill()
    server.start()
    async with proxied(server, folder, index=index, prewarm={"openings": "off"}) as proxy:
        assert all(slot.is_empty for slot in seating_of(proxy).table.slots)
        await chat(proxy, begun("gamma"))
        record = await proxy.record()

    assert record["slot_reason"].startswith("restored an opening of ")
