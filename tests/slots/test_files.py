"""What is saved before a request is sent, what is restored for it, and when neither is done.

The table, the trial and the snapshots are real ones; the llama-server answers as told.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.scripted_http import Request
from tests.slot_driver import at, ran, state, stats, table_of, take
from tests.slots.saving import Bench, Slots
from warmprefix.core.slots.seat import Seat
from warmprefix.core.slots.slot import Traits
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.files import SlotFiles
from warmprefix.slots.table import SlotTable
from warmprefix.slots.trial import SlotTrial

MUCH = 1000
RAM, NO_RAM = Traits(keeps_idle=True, has_ram=True), Traits(keeps_idle=True, has_ram=False)


class Shelf(Bench):
    """Slots on disk, for two slots that held nothing."""

    def __init__(self, backend: Slots, folder: Path) -> None:
        super().__init__(backend, folder)
        self.table: SlotTable = table_of(state(0, 0), state(1, 0))
        self.files = SlotFiles(self.snapshots, self.table, SlotTrial(self.table, self.known))

    def saved(self) -> list[str]:
        """The conversations on disk."""
        return sorted(snapshot.conversation for snapshot in self.snapshots.listed())

    async def prepare(self, seat: Seat) -> None:
        await self.files.prepare(seat)


@asynccontextmanager
async def shelf(folder: Path) -> AsyncIterator[Shelf]:
    async with Slots() as backend:
        made = Shelf(backend, folder)
        try:
            yield made
        finally:
            await made.close()


CUTS: list[tuple[str, Traits, str, bool, list[str]]] = [
    # what the slot's server does with idle slots; the newcomer, whether it is aside; what is saved
    ("another-conversation", NO_RAM, "b", False, ["a"]),
    ("a-title", NO_RAM, "b", True, ["a"]),
    ("its-own", NO_RAM, "a", False, []),
    ("the-server-copies-it", RAM, "b", False, []),
    ("not-known-what-it-does", Traits(), "b", False, []),
]


@pytest.mark.parametrize(
    ("traits", "newcomer", "is_side", "saved"),
    [row[1:] for row in CUTS],
    ids=[row[0] for row in CUTS],
)
async def test_what_a_request_would_cut_is_saved_first(
    tmp_path: Path, traits: Traits, newcomer: str, is_side: bool, saved: list[str]
) -> None:
    async with shelf(tmp_path) as own:
        ran(own.table, "a", 0)
        own.table.traits = traits
        messages = 2 if newcomer == "a" else 1
        await own.prepare(take(own.table, newcomer, 0, messages, is_side=is_side))

        assert own.saved() == saved


async def test_nothing_of_a_title_is_saved(tmp_path: Path) -> None:
    """It does not come back."""
    async with shelf(tmp_path) as own:
        ran(own.table, "a", 0, is_side=True)
        own.table.traits = NO_RAM
        await own.prepare(take(own.table, "b", 0))

        assert own.saved() == []


async def test_a_request_that_is_left_to_the_server_changes_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        ran(own.table, "a", 0)
        own.table.traits = NO_RAM
        await own.prepare(take(own.table, "b"))

        assert (own.saved(), own.backend.asked) == ([], [])


async def gone(own: Shelf) -> Snapshot:
    """The snapshot of a conversation that no slot holds any more."""
    ran(own.table, "a", 0)
    held = own.table.held(0)
    assert held is not None
    assert await own.snapshots.save(0, held)
    own.table.follow(1)
    own.table.read((state(0, 0), state(1, 0)), own.table.events)
    own.table.traits = NO_RAM
    (snapshot,) = own.snapshots.listed()
    return snapshot


def back(own: Shelf, slot: int | None, *, in_ram: bool = False) -> Seat:
    """The conversation comes back, for a slot."""
    seat = take(own.table, "a", slot, 2)
    seat.wish = replace(seat.wish, saved_tokens=1000, in_ram=in_ram)
    return seat


async def test_a_conversation_that_no_slot_holds_is_restored(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        snapshot = await gone(own)
        seat = back(own, 0)
        await own.prepare(seat)

        assert seat.restored is not None
        assert seat.restored.name == snapshot.name
        assert seat.choice.reason == f"restored {MUCH} tokens"
        assert own.counters.snapshots["restored"] == 1


async def test_it_is_restored_into_the_slot_that_was_chosen_for_it(tmp_path: Path) -> None:
    """Though the request is left to the server, which will find it there."""
    async with shelf(tmp_path) as own:
        await gone(own)
        seat = back(own, 1)
        seat.choice = replace(at(None)(seat.wish, (), {}, NO_RAM), into=1)
        await own.prepare(seat)

        restores = [target for target in own.backend.asked if "restore" in target]
        assert restores == ["/slots/1?action=restore"]


async def test_what_the_server_has_in_ram_is_newer(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        await gone(own)
        seat = back(own, 0, in_ram=True)
        await own.prepare(seat)

        assert seat.restored is None


async def test_a_file_that_brings_less_than_it_costs_is_left(tmp_path: Path) -> None:
    """Without a copy in RAM, what the slot holds of another conversation is lost by it."""
    async with shelf(tmp_path) as own:
        await gone(own)
        ran(own.table, "b", 0, tokens=2 * MUCH)  # of which the server shows half: it is not saved
        seat = back(own, 0)
        await own.prepare(seat)

        assert seat.restored is None
        assert (own.saved(), own.counters.fail_open) == (["a"], {})


async def test_what_a_title_left_is_no_loss(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        await gone(own)
        ran(own.table, "b", 0, tokens=2 * MUCH, is_side=True)
        seat = back(own, 0)
        await own.prepare(seat)

        assert seat.restored is not None


async def test_what_could_be_saved_is_not_lost(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        await gone(own)
        ran(own.table, "b", 0)
        seat = back(own, 0)
        await own.prepare(seat)

        assert own.saved() == ["a", "b"]
        assert seat.restored is not None


async def test_a_file_of_which_nothing_came_is_not_claimed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        await gone(own)
        own.backend.restored = (500, 0)
        seat = back(own, 0)
        reason = seat.choice.reason
        await own.prepare(seat)

        assert (seat.restored, seat.choice.reason) == (None, reason)
        assert own.counters.fail_open == {"slot-restore": 1}
        assert own.saved() == []


async def test_a_slot_that_nothing_was_restored_into_is_not_asked_for(tmp_path: Path) -> None:
    """Its shared KV cache has no room for the file, say. Another slot may share more with the request."""
    async with shelf(tmp_path) as own:
        await gone(own)
        own.backend.restored = (500, 0)
        seat = back(own, 0)
        seat.choice = replace(seat.choice, into=0)
        await own.prepare(seat)

        assert (seat.choice.slot, seat.choice.reason) == (None, "nothing could be restored")


class Full(Slots):
    """Slots that share a full KV cache: a file has room once the other slot is empty."""

    is_erased, can_erase = False, True

    def answer(self, request: Request) -> tuple[int, Any]:
        if "action=erase" in request.target:
            self.is_erased = self.can_erase
            return (200 if self.can_erase else 500), {}
        if "action=restore" in request.target and not self.is_erased:
            return 400, {"error": "no available space in KV cache or invalid slot save file"}
        return super().answer(request)


@asynccontextmanager
async def full(folder: Path, *, can_erase: bool = True) -> AsyncIterator[Shelf]:
    """A conversation that has a file comes back into slot 0."""
    async with Full() as backend:
        backend.can_erase = can_erase
        made = Shelf(backend, folder)
        await gone(made)
        try:
            yield made
        finally:
            await made.close()


@pytest.mark.parametrize(
    ("is_side", "saved"), [(False, ["a", "b"]), (True, ["a"])], ids=["conversation", "side"]
)
async def test_room_is_made_in_a_full_cache_by_what_can_come_back(
    tmp_path: Path, is_side: bool, saved: list[str]
) -> None:
    async with full(tmp_path) as own:
        ran(own.table, "b", 1, is_side=is_side)
        seat = back(own, 0)
        await own.prepare(seat)

        assert seat.restored is not None
        assert own.saved() == saved
        assert own.table.slots[1].is_empty
        assert own.counters.fail_open == {}


@pytest.mark.parametrize("why", ["not saved", "not erased", "only a part is known"])
async def test_what_cannot_come_back_keeps_its_slot_and_the_file_stays(
    tmp_path: Path, why: str
) -> None:
    async with full(tmp_path, can_erase=why != "not erased") as own:
        ran(own.table, "b", 1)
        if why == "not saved":
            own.backend.saved = (500, 0)
        if why.startswith("only"):
            content = own.table.slots[1].content
            assert content is not None
            own.table.hold(1, replace(content, is_whole=False), MUCH)
        seat = back(own, 0)
        await own.prepare(seat)

        assert seat.restored is None
        assert own.table.slots[1].content is not None
        assert "a" in own.saved()


async def test_a_slot_that_a_request_has_come_for_is_not_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with full(tmp_path) as own:
        ran(own.table, "b", 1)
        save = own.snapshots.save

        async def taken(*args: Any) -> bool:
            is_saved = await save(*args)
            take(own.table, "b", 1, 2)
            return is_saved

        monkeypatch.setattr(own.snapshots, "save", taken)
        seat = back(own, 0)
        await own.prepare(seat)

        assert seat.restored is None
        assert not any("erase" in target for target in own.backend.asked)


async def test_slots_that_are_emptied_by_the_server_are_left_to_it(tmp_path: Path) -> None:
    async with full(tmp_path) as own:
        ran(own.table, "b", 1)
        own.table.traits = Traits(keeps_idle=False, has_ram=False)
        seat = back(own, 0)
        await own.prepare(seat)

        assert (seat.restored, own.saved()) == (None, [])
        assert own.counters.fail_open == {"slot-restore": 1}


async def test_a_mistake_of_ours_is_counted_and_the_request_goes_on(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        await gone(own)
        seat = back(own, 0)
        seat.prompt = replace(seat.prompt, messages=None)  # type: ignore[arg-type]  # the mistake
        await own.files.prepare(seat)

        assert seat.restored is None
        assert own.counters.fail_open == {"slot-restore": 1}


@pytest.mark.parametrize(
    ("cached", "is_kept"),
    [
        pytest.param(MUCH, True, id="all"),
        pytest.param(MUCH // 2, True, id="half"),
        pytest.param(MUCH // 2 - 1, False, id="less-than-half"),
        pytest.param(0, False, id="nothing"),
        pytest.param(None, True, id="not-told"),
    ],
)
async def test_a_restored_file_is_judged_by_what_was_found_of_it(
    tmp_path: Path, cached: int | None, is_kept: bool
) -> None:
    async with shelf(tmp_path) as own:
        await gone(own)
        seat = back(own, 0)
        await own.prepare(seat)
        own.files.judge(seat, stats(MUCH + 100, cached))

        assert (own.saved() == ["a"]) is is_kept
        assert own.counters.fail_open == ({} if is_kept else {"slot-restore": 1})


async def test_nothing_is_judged_of_a_turn_that_restored_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        own.files.judge(take(own.table, "a", 0), stats(MUCH, 0))

        assert own.counters.fail_open == {}


async def test_all_idle_slots_are_saved_before_the_server_goes(tmp_path: Path) -> None:
    async with shelf(tmp_path) as own:
        ran(own.table, "a", 0)
        ran(own.table, "b", 1)
        take(own.table, "b", 1, 2)
        await own.files.save_all()

        assert own.saved() == ["a"]


async def test_a_request_without_a_slot_waits_for_a_change_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be sent to the slot that is being restored."""
    monkeypatch.setattr("warmprefix.slots.files._CHANGE_S", 0.02)
    async with shelf(tmp_path) as own:
        free = take(own.table, "b")
        await own.files._changing.acquire()
        async with asyncio.timeout(5):
            await own.prepare(free)

        assert own.files._changing.locked()
        waiting = asyncio.create_task(own.prepare(free))
        await asyncio.sleep(0)
        assert not waiting.done()
        own.files._changing.release()
        await waiting
