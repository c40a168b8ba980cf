"""What a request is given and what is done when it has ended, without a proxy around it: the table is filled by
hand, the llama-server is a double on a real socket."""

import asyncio
from dataclasses import replace

import pytest

from tests.fakes.running_proxy import until
from tests.request_stages import ended, read, unread
from tests.slot_driver import ran, stats
from tests.slots.room import COPIES, KEEPS, content, of_b, request, room
from warmprefix.core.memory.ledger import Place
from warmprefix.core.slots.seat import Unseen
from warmprefix.core.slots.slot import Traits
from warmprefix.core.types import Kind
from warmprefix.pipeline.stages import Outgoing
from warmprefix.slots.table import SlotTable

NOT_PLACED: list[tuple[str, Outgoing]] = [
    ("not-understood", unread()),
    ("no-place", read(request("a").body)),
    ("only-observed", replace(request("a"), is_observed=True)),
    ("names-its-slot", request("a", more=',"id_slot":1')),
]


@pytest.mark.parametrize(
    "outgoing", [row[1] for row in NOT_PLACED], ids=[row[0] for row in NOT_PLACED]
)
async def test_what_is_not_ours_to_place_unsettles_the_slots(outgoing: Outgoing) -> None:
    async with room() as own:
        seat, body = await own.seating.take(outgoing)

        assert isinstance(seat, Unseen)
        assert not own.table.is_settled
        assert body == outgoing.body
        own.seating.give_back(seat)
        await until(lambda: own.table.is_settled)


CHOSEN: list[tuple[str, Traits, str, int | None, str]] = [
    ("its-own", KEEPS, "a", 0, "holds this conversation"),
    ("another", KEEPS, "b", None, "shares little with any slot"),
    ("the-server-clears", Traits(False, True), "a", None, "the server saves and clears idle slots itself"),
    ("nothing-seen-yet", Traits(), "a", None, "not seen yet whether idle slots keep what they hold"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("traits", "name", "slot", "reason"),
    [row[1:] for row in CHOSEN],
    ids=[row[0] for row in CHOSEN],
)
async def test_the_chosen_slot_is_written_into_the_body_and_the_turn(
    traits: Traits, name: str, slot: int | None, reason: str
) -> None:
    first = request("a")
    async with room() as own:
        own.table.hold(0, content(first), 500)
        own.table.traits = traits
        outgoing = request(name, 2)
        seat = await own.take(outgoing)
        patch = own.seating.ended(ended(outgoing, stats(600, 500), seat))

    wanted = b"" if slot is None else b'"id_slot":%d' % slot
    assert (b"id_slot" in own.body, wanted in own.body) == (slot is not None, True)
    assert patch == {"slot": slot, "slot_reason": reason}


async def test_a_behaviour_that_costs_more_than_it_keeps_is_not_chosen() -> None:
    first = request("a")
    async with room() as own:
        own.table.hold(0, content(first), 500)
        for _ in range(2):
            own.seating.judge("own", -100)
        seat = await own.take(request("a", 2))

    assert (seat.choice.slot, seat.choice.reason) == (None, "cost more than it kept lately")


JUDGED: list[tuple[str, int | None, int]] = [
    ("all-was-there", 500, 0),
    ("half-was-there", 250, 0),
    ("nothing-was-there", 0, 1),
    ("not-told", None, 0),
]


@pytest.mark.parametrize(
    ("cached", "off"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED]
)
async def test_a_choice_is_judged_by_what_was_found_cached(cached: int | None, off: int) -> None:
    async with room() as own:
        for _ in range(2):
            own.table.hold(0, content(request("a")), 500)
            seat = await own.take(request("a", 2))
            own.seating.ended(ended(request("a", 2), stats(600, cached), seat))
            await own.tasks.finish(5)

        assert len(own.seating.stand_down.off) == off


async def test_a_slot_that_cannot_be_prepared_is_left_to_the_server() -> None:
    """A copy from the RAM cache needs a task of one token before it, which does not run."""
    async with room(traits=COPIES) as own:
        own.table.hold(0, content(request("a", 9), 5000), 5000)
        other = of_b(request("a", 2))
        own.backend.missing = frozenset({"/completion"})
        seat = await own.take(other)

        assert (seat.choice.slot, seat.choice.reason) == (None, "the slot could not be prepared")
        assert b"id_slot" not in own.body
        assert not any(slot.is_busy for slot in own.table.slots)


async def test_a_request_that_is_cancelled_before_it_is_sent_leaves_no_slot_busy() -> None:
    async with room(traits=COPIES) as own:
        own.table.hold(0, content(request("a", 9), 5000), 5000)
        other = of_b(request("a", 2))
        own.backend.stalls = True
        taking = asyncio.create_task(own.seating.take(other))
        await until(lambda: bool(own.backend.evaluations))
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)

        assert not any(slot.is_busy for slot in own.table.slots)


READS: list[tuple[str, int, bool]] = [("one-slot-is-known", 1, False), ("two-are-read", 2, True)]


@pytest.mark.parametrize(
    ("slots", "asks"), [row[1:] for row in READS], ids=[row[0] for row in READS]
)
async def test_the_slots_are_read_after_a_turn_unless_it_is_known_what_they_hold(
    slots: int, asks: bool
) -> None:
    async with room(slots) as own:
        seat = await own.take(request("a"))
        before = len(own.backend.requests)
        own.seating.ended(ended(request("a"), stats(600), seat))
        await own.tasks.finish(5)
        asked = [r.target for r in own.backend.requests[before:]]

    assert ("/slots" in asked) is asks


async def test_a_server_that_never_says_what_it_holds_is_not_asked_for_ever() -> None:
    async with room() as own:
        own.backend.missing = frozenset({"/slots"})
        before = len(own.backend.requests)
        for _ in range(9):
            own.seating.give_back(own.seating.unseen_began())
            await own.tasks.finish(5)
        asked = [r.target for r in own.backend.requests[before:]].count("/slots")

    assert asked == 3 * 2  # twice each time, until it has been silent more than four times


async def test_a_server_that_has_fallen_asleep_after_a_turn_is_not_asked_again() -> None:
    """It would wake up, and nothing is left in its slots."""
    async with room() as own:
        own.backend.missing, own.backend.is_sleeping = frozenset({"/slots"}), True
        before = len(own.backend.requests)
        own.seating.give_back(own.seating.unseen_began())
        await own.tasks.finish(5)
        asked = [r.target for r in own.backend.requests[before:]]

    assert asked.count("/slots") == 1
    assert asked[-1] == "/props"


async def test_a_turn_that_was_not_placed_is_told_as_it_was() -> None:
    async with room() as own:
        given = ended(request("a"), stats(600), own.seating.unseen_began())

        assert own.seating.ended(given) == {}


async def test_a_slot_is_as_old_as_its_last_turn() -> None:
    async with room(1) as own:
        assert own.seating.age_s(0) is None
        seat = await own.take(request("a"))
        own.seating.ended(ended(request("a"), stats(600), seat))

        assert own.seating.age_s(0) == 0.0
        assert own.seating.age_s(1) is None


async def test_a_turn_counts_the_replies_that_it_shows() -> None:
    """Whatever the ledger knows of it."""
    async with room() as own:
        seats = [await own.take(request("a", messages)) for messages in (1, 3)]
        later = replace(request("a", 2), place=Place("a", 9, None, Kind.APPEND, 0))
        seats.append(await own.take(later))

    assert [seat.turns for seat in seats] == [1, 3, 10]


def test_the_driver_and_the_requests_agree() -> None:
    """Both make the keys of one conversation alike."""
    seat = ran(SlotTable(), "a", None)

    assert seat.wish.keys == request("a").placed.keys


async def test_an_endpoint_that_takes_no_slot_is_left_to_the_server() -> None:
    """Its conversation is in a slot, and it is not asked for; which one it took is seen afterwards."""
    async with room() as own:
        own.table.hold(0, content(request("a")), 500)
        asked = request("a", 2)
        outgoing = replace(asked, request=replace(asked.request, takes_slot=False))

        seat = await own.take(outgoing)
        patch = own.seating.ended(ended(outgoing, stats(600, 500), seat))

    assert own.body == outgoing.body
    assert seat.wish.saved_tokens == 0
    assert patch == {"slot": None, "slot_reason": "this endpoint takes no slot"}
