"""A store that other proxies write: each question brings what they have added, and nothing that is here."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from tests.fakes.toy_store import ADDRESS, ToyEngine
from tests.stores.entries import chain, entry
from warmprefix.core.memory.ledger import NO_MARKS, NOTHING, Asked, Found, Node
from warmprefix.stores.base import Opening
from warmprefix.stores.behind import Behind
from warmprefix.stores.far import FarWriter
from warmprefix.stores.shared import Shared, SharedReader

ASKED = Asked(NO_MARKS, (), least=2)


class Far:
    """The toy's connection, which can recall. `asked`: what it was asked."""

    def __init__(self) -> None:
        engine = ToyEngine()
        behind = engine.kind.open(Opening(ADDRESS, 10**9, 1e9))
        assert isinstance(behind, Behind)
        self._toy = behind.reader._far
        self.behind = behind
        self.asked: list[tuple[Sequence[bytes], Asked, Mapping[bytes, Node]]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._toy, name)

    def recall(self, keys: Sequence[bytes], asked: Asked, near: Mapping[bytes, Node]) -> Found:
        self.asked.append((keys, asked, near))
        return replace(self._toy.find(keys), number=7)


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    made = Far()
    yield made
    await made.behind.close()


@pytest.fixture
async def store(far: Far) -> AsyncIterator[Shared]:
    writer: FarWriter = far  # type: ignore[assignment] # what it lacks is the toy's
    reader: SharedReader = far  # type: ignore[assignment]
    made = Shared(writer, reader)
    yield made
    await made.close()


async def test_the_end_of_a_history_is_asked_for_although_it_is_near(
    far: Far, store: Shared
) -> None:
    put = entry("c", "s", "u", "a", "v", "b", generated=[4])
    store.put(put)
    await store.flush()
    keys = chain("s", "u", "a", "v", "b", "w")

    found = await store.find(keys, ASKED)

    ((asked, shifted, near),) = far.asked
    assert asked == keys[3:]
    assert shifted.least == 0
    assert {node.id for node in put.nodes} <= {*near}
    assert found.number == 7
    assert len(found.nodes) == 5


async def test_what_is_new_here_is_asked_for_from_its_beginning(far: Far, store: Shared) -> None:
    await store.find(chain("x", "y"), ASKED)

    assert far.asked == [(chain("x", "y"), ASKED, {})]


async def test_without_more_to_ask_the_keys_alone_are(far: Far, store: Shared) -> None:
    assert (await store.find(chain("x"))).number is None
    assert await store.find([], ASKED) == NOTHING
    assert far.asked == []
