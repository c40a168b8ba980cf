"""A conversation goes on behind a restart of the proxy: what is undone stays so, and a break has its cause."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import assistant, call, calling, result, system, user
from tests.ledger_driver import Driver, Json
from tests.stores.places import place_of
from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Past
from warmprefix.core.turn import Turn
from warmprefix.core.types import Kind, Timings
from warmprefix.stores import STORES
from warmprefix.stores.base import Opening, Store, StoreKind
from warmprefix.stores.memory import MemoryStore

FREEZE, MOVE, RESTORE = "freeze-volatile", "move-volatile", "restore-transient-blocks"
LONG = "Use the tools with care. " * 40
READ = {"type": "function", "function": {"name": "read", "parameters": {}}}
BLOCK = "\n\n<note>\nBe quick.\n</note>"
FACTS = "Use these sources:\n<src>\nfacts\n</src>\n\n"
DONE, SURE = assistant("Done."), assistant("Sure, here it is.")
Restart = Callable[[], Awaitable[Driver]]


def timings(prompt: int, cached: int) -> Timings:
    return Timings(cached, prompt - cached, 1000.0, 20, 100.0)


class Restarted:
    """A proxy that can be restarted: what it keeps is in its store alone."""

    def __init__(self, kind: StoreKind, folder: Path, *enable: str) -> None:
        self._opening = Opening(place_of(kind, folder), 1 << 30, 1e9)
        self._kind, self._enable = kind, enable
        self.store = kind.open(self._opening)
        self.driver = Driver(enable, store=self.store)

    async def restart(self, *enable: str) -> None:
        await self.store.flush()
        if self._kind.place != "nowhere":  # else it would be gone, as it must be
            await self.store.close()
            self.store = self._kind.open(self._opening)
        self.driver = Driver(enable or self._enable, store=self.store)

    async def send(self, messages: Sequence[Json], reply: Json = DONE, **more: Any) -> list[Json]:
        body = await self.driver.send(messages, reply=reply, **more)
        sent: list[Json] = body["messages"]
        return sent

    @property
    def turn(self) -> Turn:
        assert self.driver.turn is not None
        return self.driver.turn


@pytest.fixture(params=STORES, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> StoreKind:
    found: StoreKind = request.param
    return found


@dataclass(frozen=True)
class Undone:
    """A history whose second form is sent as the first. `first`, `then`: what the client sends; `keeps`: how
    many messages go out as they did before."""

    id: str
    rules: tuple[str, ...]
    first: Sequence[Json]
    then: Sequence[Json]
    keeps: int


NEXT = user("And the other one?")
FILES, OK = user("The files:\na.py"), assistant("Ok, I read those.")
UNDONE = [
    Undone(
        "clock",
        (FREEZE,),
        [system(f"{LONG} It is 10:00:00."), user("Read it.")],
        [system(f"{LONG} It is 10:00:09."), user("Read it."), DONE, NEXT],
        3,
    ),
    Undone(
        "counter-that-nobody-named",
        (FREEZE,),
        [system(f"{LONG}\nUptime: 4 min"), user("Read it.")],
        [system(f"{LONG}\nUptime: 9 min"), user("Read it."), DONE, NEXT],
        3,
    ),
    Undone(
        "sources",
        (RESTORE,),
        [system(LONG), user(f"{FACTS}Read it.")],
        [system(LONG), user("Read it."), DONE, NEXT],
        3,
    ),
    Undone(
        "a-message-for-one-turn",
        (RESTORE,),
        [system(LONG), user("Read it."), system("[Lore: dragons.]")],
        [system(LONG), user("Read it."), DONE, NEXT],
        4,
    ),
    Undone(
        "files-with-a-reply-of-the-clients",
        (RESTORE,),
        [system(LONG), FILES, OK, user("Read it.")],
        [system(LONG), user("Read it."), DONE, FILES, OK, NEXT],
        5,
    ),
    Undone(
        "both",
        (FREEZE, RESTORE),
        [system(f"{LONG}\nUptime: 4 min"), user(f"Read it.{BLOCK}")],
        [system(f"{LONG}\nUptime: 9 min"), user("Read it."), DONE, NEXT],
        3,
    ),
]


@pytest.mark.parametrize("case", UNDONE, ids=lambda case: case.id)
async def test_what_is_undone_outlives_a_restart(
    kind: StoreKind, tmp_path: Path, case: Undone
) -> None:
    proxy = Restarted(kind, tmp_path, *case.rules)
    first = await proxy.send(case.first)
    await proxy.restart()
    second = await proxy.send(case.then, SURE)
    assert second[: case.keeps] == [*first, DONE][: case.keeps]

    # And once more: what went out differs from what the client has.
    await proxy.restart()
    third = await proxy.send([*case.then, SURE, user("Thanks.")])
    assert third[: len(second)] == second
    assert third[len(second) :] == [SURE, user("Thanks.")]
    assert proxy.turn.kind is Kind.APPEND
    await proxy.store.close()


async def test_what_came_behind_the_last_reply_is_told_from_what_was_there(
    kind: StoreKind, tmp_path: Path
) -> None:
    lore, hello = system("[Lore: dragons.]"), assistant("Hello, what brings you here?")
    begun = [system(LONG), user("Read it.")]
    proxy = Restarted(kind, tmp_path, RESTORE)
    await proxy.send(begun)
    second = await proxy.send([*begun, DONE, lore, hello, NEXT], SURE)
    await proxy.restart()
    now = [*begun, DONE, hello, NEXT, SURE, user("Thanks.")]
    assert await proxy.send(now) == [*second, SURE, user("Thanks.")]
    await proxy.store.close()


async def test_a_moved_clock_stays_where_it_was_said(kind: StoreKind, tmp_path: Path) -> None:
    proxy = Restarted(kind, tmp_path, MOVE)
    first = await proxy.send([system(f"{LONG}\nIt is 10:00:00."), user("Read it.")])
    await proxy.restart()
    second = await proxy.send([system(f"{LONG}\nIt is 10:01:00."), user("Read it."), DONE, NEXT])
    assert second[:3] == [*first, DONE]
    assert "10:01:00" in second[3]["content"]
    await proxy.store.close()


@dataclass(frozen=True)
class Broken:
    """What the client changes, and what is said of it. `cached`: tokens that stand in front of the change."""

    id: str
    then: Sequence[Json]
    cause: str
    path: str
    kind: Kind = Kind.EDIT
    tools: Sequence[Json] = (READ,)
    cached: int = 5


OLD = [system(f"{LONG}\nIt is 10:00:00."), user(f"Read it.{BLOCK}")]
BROKEN = [
    Broken("clock", [system(f"{LONG}\nIt is 10:00:09."), OLD[1], DONE, NEXT], "clock",
           "messages[0].content", cached=800),
    Broken("edited", [system("Be long."), OLD[1], DONE, NEXT], "edit", "messages[0].content"),
    Broken("block", [OLD[0], user("Read it."), DONE, NEXT], "transient-block",
           "messages[1].content", cached=800),
    Broken("reply", [*OLD, assistant("Not at all."), NEXT], "edit", "messages[2].content", cached=850),
    Broken("tools", [*OLD, DONE, NEXT], "tool-set", "tools", Kind.TOOLS_CHANGED, ()),
]  # fmt: skip


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.id)
async def test_a_break_behind_a_restart_has_its_cause(
    kind: StoreKind, tmp_path: Path, case: Broken
) -> None:
    proxy = Restarted(kind, tmp_path)
    await proxy.send(OLD, tools=[READ], timings=timings(900, 0))
    await proxy.restart()
    tools = list(case.tools) or None
    await proxy.send(case.then, tools=tools, timings=timings(1000, case.cached))

    found = proxy.turn.cache_break
    assert found is not None
    assert (found.cause, found.side) == (case.cause, "client")
    assert (found.path or "").startswith(case.path)
    assert found.tokens_lost == 900 + 20 - 1 - case.cached
    assert proxy.turn.kind is case.kind
    assert proxy.turn.place is not None
    assert proxy.turn.place.index == 1
    await proxy.store.close()


async def test_what_the_backend_lost_behind_a_restart_is_not_laid_to_the_client(
    kind: StoreKind, tmp_path: Path
) -> None:
    """What was undone is no change, and nobody saw what the backend did meanwhile."""
    proxy = Restarted(kind, tmp_path, FREEZE)
    await proxy.send(OLD, timings=timings(900, 0))
    await proxy.restart()
    now = [system(f"{LONG}\nIt is 10:00:09."), OLD[1], DONE, NEXT]
    await proxy.send(now, timings=timings(1000, 5))

    found = proxy.turn.cache_break
    assert found is not None
    assert (found.cause, found.side) == ("not-held", "backend")
    await proxy.store.close()


async def test_housekeeping_does_not_hide_the_turn_before_it(
    kind: StoreKind, tmp_path: Path
) -> None:
    proxy = Restarted(kind, tmp_path)
    await proxy.send(OLD, tools=[READ], timings=timings(900, 0))
    await proxy.send([*OLD, DONE, NEXT], SURE, tools=[READ], timings=timings(950, 900))
    title = user("Write a title for this chat.")
    await proxy.send([*OLD, title], timings=timings(910, 5))
    assert proxy.turn.kind is Kind.SIDE
    await proxy.restart()
    late = system(f"{LONG}\nIt is 10:00:09.")
    now = [late, OLD[1], DONE, NEXT, SURE, user("Thanks.")]
    await proxy.send(now, tools=[READ], timings=timings(1000, 700))

    found = proxy.turn.cache_break
    assert found is not None
    assert (found.cause, found.path) == ("clock", "messages[0].content")
    await proxy.store.close()


OTHERS = [
    pytest.param([system("Other."), user("Another question."), DONE, NEXT], {}, id="a-common-reply"),
    pytest.param(
        [system(f"{LONG}\nIt is 10:00:09."), OLD[1], DONE, NEXT],
        {"headers": {"x-session-id": "other"}},
        id="another-session",
    ),
    pytest.param(
        [system(f"{LONG}\nIt is 10:00:09."), OLD[1], DONE, NEXT],
        {"headers": {"authorization": "other"}},
        id="another-key",
    ),
    pytest.param([OLD[0], user("Another question.")], {}, id="the-same-instructions"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "more"), OTHERS)
async def test_another_conversation_is_not_taken_for_it(
    kind: StoreKind, tmp_path: Path, messages: Sequence[Json], more: Json
) -> None:
    proxy = Restarted(kind, tmp_path, FREEZE)
    await proxy.send(OLD, headers={"x-session-id": "own"} if "x-session-id" in str(more) else None)
    await proxy.restart()
    assert await proxy.send(messages, **more) == messages
    assert proxy.turn.kind is Kind.COLD
    await proxy.store.close()


async def test_an_edited_history_is_recognised_by_what_else_is_in_it(
    kind: StoreKind, tmp_path: Path
) -> None:
    loop = [calling(call()), result("c1")]
    proxy = Restarted(kind, tmp_path)
    await proxy.send([*OLD, *loop])
    await proxy.restart()
    await proxy.send([system("Other."), user("Edited."), *loop, DONE, NEXT])
    assert proxy.turn.kind is Kind.EDIT
    await proxy.store.close()


async def test_the_price_of_what_is_put_back_is_counted(kind: StoreKind, tmp_path: Path) -> None:
    proxy = Restarted(kind, tmp_path, RESTORE)
    await proxy.send([OLD[0], user(f"{LONG}Read it.{BLOCK * 20}")], timings=timings(900, 0))
    counted = [proxy.turn.put_back_tokens]
    now = [OLD[0], user(f"{LONG}Read it."), DONE, NEXT]
    for _ in range(2):  # before a restart, and behind it
        await proxy.send(now, SURE, timings=timings(1000, 900))
        counted.append(proxy.turn.put_back_tokens)
        await proxy.restart()
        now = [*now, SURE, user("Thanks.")]
    await proxy.send(now)
    counted.append(proxy.turn.put_back_tokens)

    share = 1000 * len(BLOCK * 20) / len(f"{LONG * 2}{BLOCK * 20}")
    first, *put_back, uncounted = counted
    assert (first, uncounted) == (0, None)
    assert all(tokens and share * 0.8 < tokens < share for tokens in put_back)
    await proxy.store.close()


class Asked(MemoryStore):
    """Counts the questions. `gone`: it does not answer them; `cut`: it has lost the beginning of each path."""

    def __init__(self) -> None:
        super().__init__(1 << 30, 1e9)
        self.asked = 0
        self.gone = self.cut = False

    async def past(self, conversation: str | None, landmarks: Sequence[bytes]) -> Past | None:
        self.asked += 1
        if self.gone:
            raise StoreError("gone")
        found = await super().past(conversation, landmarks)
        return replace(found, path=found.path[1:]) if found and self.cut else found


async def test_the_ledger_is_asked_once_and_only_if_a_history_does_not_go_on() -> None:
    store = Asked()
    driver = Driver(store=store)
    await driver.send(OLD, reply=DONE)
    await driver.send([*OLD, DONE, NEXT], reply=SURE)
    assert store.asked == 0  # a new conversation, and one that goes on

    again = Driver(store=store)
    turns = [*OLD, DONE, NEXT, SURE, user("More.")]
    await again.send(turns, reply=DONE)
    assert store.asked == 0
    third = Driver(store=store)
    await third.send([system("Edited."), *turns[1:]], reply=DONE)
    assert store.asked == 1
    await third.send([system("Edited again."), *turns[1:]], reply=DONE)
    assert store.asked == 1


@pytest.mark.parametrize("trouble", ["gone", "cut"])
async def test_what_the_ledger_cannot_say_costs_no_request(trouble: str) -> None:
    store: Asked = Asked()
    await Driver(store=store).send(OLD, reply=DONE)
    setattr(store, trouble, True)
    driver = Driver((FREEZE,), store=store)
    now = [system(f"{LONG}\nUptime: 9 min"), OLD[1], DONE, NEXT]

    assert (await driver.send(now))["messages"] == now
    assert driver.turn is not None
    assert driver.turn.failed_open == (("store",) if trouble == "gone" else ())


async def test_what_was_only_observed_leaves_no_trail() -> None:
    """Its nodes are what would have been sent."""
    store: Store = MemoryStore(1 << 30, 1e9)
    await Driver(store=store, observe=True).send(OLD, reply=DONE)
    driver = Driver(store=store)
    await driver.send([system("Edited."), OLD[1], DONE, NEXT])

    assert driver.turn is not None
    assert driver.turn.kind is Kind.COLD


async def test_what_was_sent_while_nothing_was_put_back_is_known_after_a_restart(
    kind: StoreKind, tmp_path: Path
) -> None:
    proxy = Restarted(kind, tmp_path, RESTORE)
    note = system("Look at the berths first.")
    begun = [system(LONG.strip()), note, user("Hi"), DONE, NEXT]
    await proxy.send(begun[:3])
    proxy.driver.restores = False
    await proxy.send(begun, SURE)
    await proxy.restart()

    sent = await proxy.send([begun[0], *begun[2:], SURE, note, user("Then?")])

    assert proxy.turn.failed_open == ()
    assert proxy.turn.kind is not Kind.COLD
    assert sent[: len(begun)] == begun
