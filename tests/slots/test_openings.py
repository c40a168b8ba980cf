"""What is learnt from conversations that begin alike, and what is not."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.running_proxy import BUSY_S, until
from tests.servers.stock import StartStock, StockServer
from tests.slots.beginning import begun, chat, learnt, openings, proxied, rested, saved, seating_of

pytestmark = pytest.mark.backend


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.slots.openings._SAVED_S", 0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slots").mkdir()
    return tmp_path / "slots"


@pytest.fixture
def server(start_stock: StartStock, folder: Path) -> StockServer:
    return start_stock("--slot-save-path", f"{folder}/")


def files(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("warmprefix-opening-*.bin")]


async def test_two_that_begin_alike_leave_one_file_of_what_they_share(
    server: StockServer, folder: Path
) -> None:
    async with proxied(server, folder) as proxy:
        await chat(proxy, begun("alpha"))
        await proxy.records()
        await rested()
        assert openings(proxy) == []
        await chat(proxy, begun("beta"))
        await saved(proxy)
        (opening,) = openings(proxy)
        await chat(proxy, begun("gamma"))
        *_, third = await proxy.records()
        await rested()

        assert openings(proxy)[0].opening == opening.opening
    assert files(folder) == [opening.name]
    assert (folder / opening.name).stat().st_mode & 0o777 == 0o600
    assert third["prompt_tokens"] - 500 < opening.tokens < third["prompt_tokens"]


async def test_nothing_is_learnt_across_credentials(server: StockServer, folder: Path) -> None:
    async with proxied(server, folder) as proxy:
        await chat(proxy, begun("alpha"), headers=[("Authorization", "Bearer one")])
        await proxy.records()
        await chat(proxy, begun("beta"), headers=[("Authorization", "Bearer two")])
        await proxy.records()
        await rested()

        assert openings(proxy) == []


async def test_nobody_begins_with_the_opening_of_another_credential(
    server: StockServer, folder: Path
) -> None:
    one, two = [("Authorization", "Bearer one")], [("Authorization", "Bearer two")]
    async with proxied(server, folder) as proxy:
        await learnt(proxy, headers=one)
        server.kill()
        server.start()
        await chat(proxy, begun("gamma"), headers=two)
        *_, record = await proxy.records()

    assert record["restored"] == []
    assert record["processed_tokens"] == record["prompt_tokens"]


@pytest.mark.parametrize("slots", [{"openings": 0}, {"save": "off"}, {"min_save_tokens": 9000}])
async def test_it_can_be_switched_off(
    server: StockServer, folder: Path, slots: dict[str, object]
) -> None:
    async with proxied(server, folder, slots=slots) as proxy:
        for name in ("alpha", "beta"):
            await chat(proxy, begun(name))
            await proxy.records()
        await rested()

        assert files(folder) == []


async def test_nothing_is_learnt_of_a_server_that_cannot_save(
    start_stock: StartStock, folder: Path
) -> None:
    async with proxied(start_stock(), folder) as proxy:
        for name in ("alpha", "beta"):
            await chat(proxy, begun(name))
            await proxy.records()
        own = seating_of(proxy).openings
        assert own is not None

        assert len(own._begun) <= 1  # the first may end before it is known
        assert not own._wanted


async def test_their_number_is_bounded(server: StockServer, folder: Path) -> None:
    async with proxied(server, folder, slots={"openings": 1}) as proxy:
        for kind in ("first", "second"):
            for name in ("alpha", "beta"):
                system, question = begun(name)
                system["content"] = f"{kind} kind. {system['content']}"
                await chat(proxy, [system, question])
                await proxy.records()
            await rested()
            await until(lambda: len(openings(proxy)) == 1, BUSY_S)

        (left,) = openings(proxy)
        assert files(folder) == [left.name]


async def test_a_request_ends_what_is_saved_at_once_and_it_is_done_later(
    server: StockServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a pause; until then nothing is said of it."""
    held = asyncio.Event()
    async with proxied(server, folder) as proxy:
        own = seating_of(proxy).openings
        assert own is not None
        keep = own.files.keep

        async def waits(*of: object) -> None:
            held.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(own.files, "keep", waits)
        for name in ("alpha", "beta"):
            await chat(proxy, begun(name))
            await proxy.records()
        await asyncio.wait_for(held.wait(), 20)
        monkeypatch.setattr(own.files, "keep", keep)
        await chat(proxy, [{"role": "user", "content": "Hi."}], tools=None)
        assert openings(proxy) == []
        await saved(proxy)

        assert len(openings(proxy)) == 1
