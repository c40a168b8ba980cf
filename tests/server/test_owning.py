"""Slots belong to one proxy at a time: by a lease, which is taken over and given up."""

import socket
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.fakes.running_proxy import until
from warmprefix.config.schema import Config, NamedBackend, ServerConfig
from warmprefix.core.errors import StoreError
from warmprefix.server import owning
from warmprefix.server.owning import Owning, Slots
from warmprefix.server.owning import owning as owning_by
from warmprefix.stores.base import Hold
from warmprefix.tasks import Tasks

URL = "http://llama:8080"


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a length that a test can wait for."""
    monkeypatch.setattr(owning, "LEASE_S", 0.3)


@dataclass
class Desk:
    """Leases in memory, which never expire by themselves. `is_gone`: it refuses everything."""

    holders: dict[str, str] = field(default_factory=dict)
    is_gone: bool = False
    asked: int = 0

    async def take(self, holder: str, names: Sequence[str], ttl_s: float) -> Mapping[str, Hold]:
        del ttl_s
        self.asked += 1
        if self.is_gone:
            raise StoreError("gone")
        return {name: self._hold(holder, name) for name in names}

    def _hold(self, holder: str, name: str) -> Hold:
        before = self.holders.get(name)
        if before not in (None, "", holder):
            return Hold.OTHERS
        self.holders[name] = holder
        return Hold.NEW if before is None else Hold.OWN

    async def give_up(self, holder: str, names: Sequence[str], ttl_s: float) -> None:
        del ttl_s
        if self.is_gone:
            raise StoreError("gone")
        self.holders |= {name: "" for name in names if self.holders.get(name) == holder}


class Proxy:
    """One that wants the slots of URL. `said`: what it was told."""

    def __init__(self, desk: Desk | None, others: Collection[str] = ()) -> None:
        self.tasks = Tasks()
        self.said: list[str] = []
        self.owning = Owning(desk, self.tasks, others)
        gained, lost = (partial(self.said.append, what) for what in ("gained", "lost"))
        self.owning.add(URL, Slots(gained, lost))

    @property
    def owns(self) -> bool:
        return self.owning.owns(URL)

    async def stop(self) -> None:
        self.owning.stop()
        await self.tasks.finish(1.0)
        await self.owning.close()


@pytest.fixture
async def make() -> AsyncIterator[Callable[[Desk | None], Proxy]]:
    made: list[Proxy] = []

    def one(desk: Desk | None) -> Proxy:
        made.append(Proxy(desk))
        return made[-1]

    yield one
    for proxy in made:
        await proxy.stop()


Make = Callable[[Desk | None], Proxy]


async def test_without_others_all_slots_are_ours(make: Make) -> None:
    proxy = make(None)

    assert proxy.owns
    assert len(proxy.tasks) == 0


@pytest.mark.parametrize("desk", [None, Desk()], ids=["alone", "shared"])
def test_slots_of_another_owner_are_never_asked_for(desk: Desk | None) -> None:
    proxy = Proxy(desk, [URL])

    assert not proxy.owns
    assert len(proxy.tasks) == 0
    owns = proxy.owning.of(URL)
    assert owns is not None
    assert not owns()


@pytest.mark.parametrize(("desk", "is_asked"), [(None, False), (Desk(), True)])
async def test_nobody_is_asked_who_owns_what_only_one_can_have(
    desk: Desk | None, *, is_asked: bool
) -> None:
    proxy = Proxy(desk)

    assert (proxy.owning.of(URL) is not None) is is_asked
    await proxy.stop()


@pytest.mark.parametrize(
    ("name", "owned"),
    [("one", ["a", "c"]), ("two", ["b", "c"]), ("three", ["c"]), ("", ["c", "d"])],
)
def test_the_owner_of_a_backend_is_named_by_the_settings(name: str, owned: list[str]) -> None:
    """Without a name the proxy has that of its host."""
    owners = {"a": "one", "b": "two", "c": "", "d": socket.gethostname()}
    urls = {at: f"http://{at}:1" for at in owners}
    tables = tuple(NamedBackend(url=urls[at], owner=who) for at, who in owners.items())
    made = owning_by(Config(ServerConfig(name=name), backends=tables), None, Tasks())

    assert [at for at in owners if made.owns(urls[at])] == owned


async def test_one_of_two_has_them(make: Make) -> None:
    desk = Desk()
    one, two = make(desk), make(desk)
    await until(lambda: one.owns or two.owns)
    asked = desk.asked
    await until(lambda: desk.asked > asked + 4)

    assert one.owns is not two.owns
    assert sorted(one.said + two.said) == ["gained"]


async def test_who_takes_a_lease_that_nobody_is_known_to_have_waits(make: Make) -> None:
    """The ledger may have forgotten the one who has it, and who has not noticed yet."""
    desk = Desk()
    proxy = make(desk)
    await until(lambda: bool(desk.holders))
    assert not proxy.owns
    await until(lambda: proxy.owns)


async def test_a_lease_that_was_given_up_is_used_at_once(make: Make) -> None:
    desk = Desk()
    one = make(desk)
    await until(lambda: one.owns)
    await one.stop()
    asked = desk.asked
    two = make(desk)
    await until(lambda: desk.holders[URL] != "")
    await until(lambda: two.owns)

    assert desk.asked == asked + 1
    assert not one.owns


async def test_without_the_ledger_they_are_given_up(make: Make) -> None:
    desk = Desk()
    proxy = make(desk)
    await until(lambda: proxy.owns)
    desk.is_gone = True
    await until(lambda: not proxy.owns)
    await until(lambda: proxy.said == ["gained", "lost"])
    desk.is_gone = False
    await until(lambda: proxy.owns)

    assert proxy.said[-1] == "gained"
    desk.is_gone = True  # so that it cannot be told the end either


async def test_a_ledger_that_names_another_is_believed(make: Make) -> None:
    desk = Desk()
    proxy = make(desk)
    await until(lambda: proxy.owns)
    desk.holders[URL] = "another"
    await until(lambda: not proxy.owns)
    await until(lambda: "lost" in proxy.said)
