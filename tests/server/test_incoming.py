"""A body as it arrives, and the moment its client leaves. On sockets: tests/server/test_client_gone.py."""

import asyncio
import tracemalloc
from collections import deque

import pytest

from warmprefix.server.asgi import AsgiMessage
from warmprefix.server.incoming import ClientGone, Ending, Incoming, TooLarge, while_connected
from warmprefix.tasks import Tasks

GONE: AsgiMessage = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = True) -> AsgiMessage:
    return {"type": "http.request", "body": body, "more_body": more}


class Wire:
    """What a web server hands out: these messages, then nothing until the client leaves."""

    def __init__(self, *messages: AsgiMessage) -> None:
        self.messages = deque(messages)
        self.left = asyncio.Event()

    async def receive(self) -> AsgiMessage:
        if self.messages:
            return self.messages.popleft()
        await self.left.wait()
        return GONE


BODIES: list[tuple[str, list[AsgiMessage], list[bytes]]] = [
    ("none", [part(b"", more=False)], []),
    ("one", [part(b"ab", more=False)], [b"ab"]),
    ("several", [part(b"a"), part(b""), part(b"b"), part(b"", more=False)], [b"a", b"b"]),
    ("nothing-said", [{"type": "http.request"}], []),
]


@pytest.mark.parametrize(
    ("messages", "pieces"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
async def test_a_body_is_its_pieces(messages: list[AsgiMessage], pieces: list[bytes]) -> None:
    assert [piece async for piece in Incoming(Wire(*messages).receive).pieces()] == pieces
    assert await Incoming(Wire(*messages).receive).read(2) == b"".join(pieces)


@pytest.mark.parametrize(
    ("limit", "fits"), [pytest.param(3, True, id="just"), pytest.param(2, False, id="not")]
)
async def test_a_body_beyond_the_limit_is_not_read_to_its_end(limit: int, fits: bool) -> None:
    wire = Wire(part(b"ab"), part(b"c"), part(b"", more=False))
    if fits:
        assert await Incoming(wire.receive).read(limit) == b"abc"
        return
    with pytest.raises(TooLarge):
        await Incoming(wire.receive).read(limit)

    assert len(wire.messages) == 1


async def test_what_came_of_a_refused_body_is_given_back_before_the_rest_is_awaited() -> None:
    """The error is still handled then, and so holds on to whatever was read into."""
    size, held = 1024 * 1024, []

    class Measuring(Wire):
        async def receive(self) -> AsgiMessage:
            held.append(tracemalloc.get_traced_memory()[0])
            return part(bytes(size)) if len(held) < 5 else part(b"", more=False)

    incoming = Incoming(Measuring().receive)
    tracemalloc.start()
    try:
        await incoming.read(size * 3)
    except TooLarge:
        await incoming.throw_away()
    finally:
        tracemalloc.stop()

    assert held[3] > 3 * size
    assert held[4] < 2 * size  # the last piece is all that is left


async def test_a_client_that_leaves_within_its_body_is_gone() -> None:
    with pytest.raises(ClientGone):
        await Incoming(Wire(part(b"a"), GONE).receive).read(9)


async def ended(
    wire: Wire, work_s: float = 0, error: Exception | None = None
) -> tuple[Ending, bool]:
    """How work of so long ends, and whether it came to its end."""
    tasks, done = Tasks(), []
    incoming = Incoming(wire.receive)

    async def work() -> None:
        await incoming.read(9)
        if error is not None:
            raise error
        await asyncio.sleep(work_s)
        done.append(True)

    async with asyncio.timeout(10):
        ending = await while_connected(work(), incoming, tasks)
        await tasks.finish(5)
    assert len(tasks) == 0
    return ending, bool(done)


WHOLE = part(b"a", more=False)


async def test_work_that_ends_is_done() -> None:
    assert await ended(Wire(WHOLE)) == (Ending.DONE, True)


async def test_work_is_ended_when_the_client_leaves() -> None:
    assert await ended(Wire(WHOLE, GONE), 3600) == (Ending.CLIENT_GONE, False)


async def test_an_error_of_the_work_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await ended(Wire(WHOLE), error=ZeroDivisionError())


async def test_the_end_of_the_body_is_no_end_of_the_client() -> None:
    """A web server may say `http.request` again."""
    assert await ended(Wire(WHOLE, part(b"", more=False))) == (Ending.DONE, True)


async def test_who_cancels_the_request_waits_for_the_work_to_end() -> None:
    closed = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            closed.append(True)

    tasks = Tasks()
    job = asyncio.create_task(while_connected(work(), Incoming(Wire().receive), tasks))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await tasks.finish(5)

    assert (job.cancelled(), closed) == (True, [True])
