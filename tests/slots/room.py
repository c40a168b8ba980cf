"""The slots of a scripted llama-server, seated without a proxy around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.fakes.llama_double import LlamaDouble
from tests.request_stages import written
from warmprefix.backends.known import KnownBackend
from warmprefix.core.memory.ledger import Place
from warmprefix.core.slots.seat import Seat
from warmprefix.core.slots.slot import Content, Traits, head_digest
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import Kind
from warmprefix.pipeline.stages import Outgoing, Written
from warmprefix.slots.seating import Seating
from warmprefix.slots.table import SlotTable
from warmprefix.tasks import Tasks

KEEPS = Traits(keeps_idle=True, has_ram=False)
COPIES = Traits(keeps_idle=True, has_ram=True)
BODY = b'{"messages":[{"role":"user","content":"%s"}%s]%s}'


class Room:
    """The slots of a server of its own."""

    def __init__(self, backend: LlamaDouble) -> None:
        self.backend = backend
        self.tasks = Tasks()
        self.body = b""
        """Of the last request, with its slot."""
        self.known = KnownBackend(backend.url, "llamacpp", self.tasks)
        self.seating = Seating(SlotTable(), self.known, self.tasks, tries=False)

    @property
    def table(self) -> SlotTable:
        return self.seating.table

    async def read(self) -> None:
        """The slots are known, as they are now."""
        await self.known.ask_template()
        self.table.follow(self.known.generation)
        self.table.read(await self.known.slot_states(), self.table.events)

    async def take(self, outgoing: Outgoing) -> Seat:
        seat, self.body = await self.seating.take(outgoing)
        assert isinstance(seat, Seat)
        return seat


@asynccontextmanager
async def room(slots: int = 2, traits: Traits = KEEPS) -> AsyncIterator[Room]:
    async with LlamaDouble(slots) as backend:
        made = Room(backend)
        await made.read()
        made.table.traits = traits
        try:
            yield made
        finally:
            await made.tasks.finish(5)
            await made.known.close()


def request(name: str, messages: int = 1, more: str = "", *, is_side: bool = False) -> Written:
    """A request of the conversation of that name, with as many keys as slot_driver.py's."""
    further = ',{"role":"assistant","content":"Done."},{"role":"user","content":"More."}'
    body = BODY % (name.encode() * 500, further.encode() * (messages - 1), more.encode())
    keys = tuple(f"{name}{number}".encode() for number in range(messages))
    return written(body, Place(name, 0, None, Kind.COLD, 0), keys, is_side=is_side)


def of_b(outgoing: Written) -> Written:
    """The same request, of the conversation "b"."""
    placed = replace(outgoing.placed, keys=(b"b",))
    return replace(outgoing, placed=placed, place=Place("b", 0, None, Kind.COLD, 0))


def content(outgoing: Written, tokens: int = 500) -> Content:
    """What a turn of the conversation "a" has left in a slot."""
    held = Held("a", outgoing.placed.keys, head_digest(outgoing.sent), tokens)
    return Content(held, outgoing.sent)
