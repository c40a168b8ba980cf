"""When the slots are asked for what they hold behind a turn, and which request waits for the answer."""

import pytest

from tests.fakes.running_proxy import until
from tests.request_stages import ended
from tests.slot_driver import stats
from tests.slots.room import KEEPS, Room, content, of_b, request, room
from warmprefix.core.slots.slot import Traits
from warmprefix.pipeline.stages import Written

CLEARS = Traits(keeps_idle=False, has_ram=True)
TOOLS = ',"tools":[{"type":"function","function":{"name":"look"}}]'
LONG_S = 60.0


def questions(own: Room) -> int:
    return [asked.target for asked in own.backend.requests].count("/slots")


async def ran(own: Room, outgoing: Written) -> None:
    """It was sent, and has ended just now."""
    seat = await own.take(outgoing)
    own.seating.ended(ended(outgoing, stats(600), seat))


UNKNOWN = "not known what a slot holds"
CLEARED = "the server saves and clears idle slots itself"
WAITS: list[tuple[str, Traits, Written, str]] = [
    ("begins-alike", CLEARS, of_b(request("a")), CLEARED),
    ("other-tools", CLEARS, of_b(request("b", more=TOOLS)), CLEARED),
    ("is-unlike", CLEARS, of_b(request("b")), UNKNOWN),
    ("goes-on", CLEARS, request("a", 2), UNKNOWN),
    ("not-seen-what-it-does", Traits(), of_b(request("b")), UNKNOWN),
    ("slots-keep", KEEPS, of_b(request("b")), "shares little with any slot"),
]


@pytest.mark.parametrize(
    ("traits", "second", "reason"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS]
)
async def test_a_request_waits_for_the_answer_if_that_may_change_its_choice(
    monkeypatch: pytest.MonkeyPatch, traits: Traits, second: Written, reason: str
) -> None:
    monkeypatch.setattr("warmprefix.slots.readings._ALONE_S", LONG_S)
    async with room(traits=traits) as own:
        await ran(own, request("a"))
        seat = await own.take(second)

    assert seat.choice.reason == reason


async def test_no_answer_helps_while_something_runs_in_a_slot_that_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("warmprefix.slots.readings._SETTLE_S", LONG_S)
    async with room(traits=CLEARS) as own:
        await own.take(request("c"))
        await ran(own, request("a"))
        seat = await own.take(of_b(request("a")))

    assert seat.choice.reason == UNKNOWN


async def test_no_request_waits_if_all_slots_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.slots.readings._ALONE_S", LONG_S)
    async with room() as own:
        own.table.hold(0, content(request("a")), 500)
        await ran(own, request("a", 2))
        before = questions(own)
        seat = await own.take(request("a", 3))

        assert own.seating.readings.is_looking()
        assert questions(own) == before
        assert seat.choice.reason == "holds this conversation"


async def test_requests_that_end_together_share_a_question() -> None:
    async with room(3, CLEARS) as own:
        running = [request("a"), request("b"), request("c")]
        seats = [await own.take(outgoing) for outgoing in running]
        before = questions(own)
        for outgoing, seat in zip(running, seats, strict=True):
            own.seating.ended(ended(outgoing, stats(600), seat))
        await own.tasks.finish(5)

        assert questions(own) - before == 1


async def test_a_question_does_not_wait_for_others_if_something_may_depend_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another conversation that begins alike may be cut."""
    monkeypatch.setattr("warmprefix.slots.readings._GATHER_S", LONG_S)
    async with room(3, CLEARS) as own:
        own.table.hold(0, content(request("a")), 500)
        await own.take(request("c"))
        before = questions(own)
        await ran(own, of_b(request("a")))

        await until(lambda: questions(own) > before)


async def test_a_request_that_depends_on_the_answer_has_it_asked_for_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("warmprefix.slots.readings._GATHER_S", LONG_S)
    async with room(3) as own:
        own.table.hold(0, content(request("a")), 500)
        seat = await own.take(request("a", 2))
        before = questions(own)
        await ran(own, request("d"))
        waiting = questions(own) - before
        await own.take(of_b(request("d")))

        await until(lambda: questions(own) > before)
    assert (seat.slot, waiting) == (0, 0)
