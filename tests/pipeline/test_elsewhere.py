"""Turns of other proxies become recent ones; that all is then as through one proxy: tests/test_replicas.py."""

from collections.abc import AsyncIterator, Sequence

import pytest

from tests.builders import assistant, system, user
from tests.ledger_driver import Driver, Json
from tests.stores.places import empty_redis
from warmprefix.core.memory.ledger import NO_MARKS, Asked, Found
from warmprefix.core.types import Kind, Timings
from warmprefix.pipeline.stages import Written
from warmprefix.stores.base import Opening
from warmprefix.stores.memory import MemoryStore
from warmprefix.stores.redis.store import RedisStore

DONE = assistant("Done.")
START: list[Json] = [system("Be careful. " * 40), user("Begin. " * 40)]


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Driver, Driver]]:
    """Two proxies on one ledger."""
    opening = Opening(empty_redis(), 10**9, 1e6)
    one, two = (Driver(store=RedisStore(opening), start="first") for _ in range(2))
    yield one, two
    await one.store.close()
    await two.store.close()


async def send(
    proxy: Driver, messages: list[Json], reply: Json = DONE, session: str | None = None
) -> None:
    """One turn, written before the next."""
    headers = {"x-session-id": session} if session else None
    await proxy.send(messages, reply=reply, headers=headers)
    await proxy.store.flush()


async def test_a_turn_of_another_proxy_is_sent_once(pair: tuple[Driver, Driver]) -> None:
    one, two = pair
    await send(one, START)
    await send(two, [*START, DONE, user("Go on.")])
    again = [*START, DONE, user("Go on."), DONE, user("More.")]
    await send(two, again)

    assert two.turn is not None
    assert two.turn.place is not None
    assert (two.turn.place.index, two.turn.kind) == (2, Kind.APPEND)
    last = two.pipeline._recent.get(two.place.conversation)
    assert last is not None
    assert last.start is None


async def test_the_turns_of_all_proxies_are_counted(pair: tuple[Driver, Driver]) -> None:
    """So it is known whether others have run in between."""
    one, two = pair
    await send(one, START)
    for number in range(3):
        await send(two, [user(f"Another question {number}. " * 20)])
    await send(one, [*START, DONE, user("Go on.")])

    assert one.pipeline._recent.number == 5


@pytest.mark.parametrize("cached", [None, 90], ids=["no-counts", "counts"])
async def test_what_others_have_had_is_of_use_only_if_the_backend_counts(
    pair: tuple[Driver, Driver], cached: int | None
) -> None:
    one, two = pair
    counts = Timings(prompt_n=10, cache_n=cached)
    await one.send(START, reply=DONE, timings=counts)
    await two.send([user("Another question. " * 20)], reply=DONE, timings=counts)
    for proxy in pair:
        await proxy.store.flush()
    await one.send([*START, DONE, user("Go on.")], reply=DONE, timings=counts)

    assert len(one.pipeline._recent.since(0, 9)) == (1 if cached is None else 2)


async def test_a_plain_text_that_has_gone_on_elsewhere_is_compared_with_nothing_old() -> None:
    opening = Opening(empty_redis(), 10**9, 1e6)
    drivers = [Driver(store=RedisStore(opening), path="/v1/completions") for _ in range(2)]
    text = "Once upon a time there was a harbour.\n" * 20
    for number in range(4):
        driver = drivers[number % 2]
        await driver.send((), reply=None, prompt=text)
        await driver.store.flush()
        assert driver.turn is not None
        assert driver.turn.place is not None
        assert driver.turn.place.index == number
        assert driver.turn.cache_break is None
        text += f"And then {number}.\n" * 20
    for driver in drivers:
        await driver.store.close()


async def test_replies_that_another_session_shows_too_do_not_make_it_the_same(
    pair: tuple[Driver, Driver],
) -> None:
    one, two = pair
    await send(one, START, session="one")
    other = [system("Quite another. " * 40), START[1], DONE, user("Go on.")]
    await send(two, other, session="two")

    assert two.turn is not None
    assert two.turn.kind is Kind.COLD


class Alone(MemoryStore):
    """A store that no other proxy writes. `asked`: what it was asked besides each history."""

    def __init__(self) -> None:
        super().__init__(1 << 30, 1e9)
        self.asked: list[Asked | None] = []

    async def find(self, keys: Sequence[bytes], asked: Asked | None = None) -> Found:
        self.asked.append(asked)
        return await super().find(keys, asked)


async def test_a_store_of_one_proxy_costs_no_work_for_others() -> None:
    store = Alone()
    driver = Driver(store=store)
    await send(driver, START)
    await send(driver, [*START, DONE, user("Go on.")])

    assert store.asked == [None, None]
    assert isinstance(driver.outgoing, Written)
    assert driver.outgoing.placed.marks == NO_MARKS
