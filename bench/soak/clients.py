"""The clients of a soak, a process of its own: conversations side by side, and what each one received.

`python -m bench.soak.clients PORT CONVERSATIONS SECONDS SEED FIRST LARGE JOURNAL`; FIRST: the first serial
number; LARGE: how many large histories each client sends at first. It writes `asks` with the request's kind
before a request, and after it `got` with status, digest and whether the end was clean, or `left`.
"""

import asyncio
import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.soak.conversation import Conversation, Message, garbage
from bench.soak.journal import Journal, digest
from bench.soak.words import text_of
from tests.fakes.raw_client import Answer, RawClient, request_bytes

CHAT = "/v1/chat/completions"
PATIENCE_S = 15.0
"""How long a client waits for the next byte: far longer than any stall that ends."""

KINDS = {"chat": 80, "garbage": 4, "passed": 8, "upload": 3, "half a request": 2, "side": 3}
LEAVES = {"": 88, "at once": 2, "at the head": 3, "in the body": 7}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `leaves`: when the client leaves, empty for never."""

    serial: int
    kind: str
    wire: bytes
    is_stream: bool = False
    leaves: str = ""
    is_slow: bool = False
    patience_s: float = PATIENCE_S


def drawn(choose: Random, table: dict[str, int]) -> str:
    """A random name of the table, by its weights."""
    return choose.choices(list(table), list(table.values()))[0]


class Client:
    """Sends one request after the other, on one connection as long as that lasts."""

    def __init__(self, port: int, serials: Iterator[int], seed: str, journal: Journal) -> None:
        self._port = port
        self._serials = serials
        self._choose = Random(seed)
        self._journal = journal
        self._conversation = Conversation(self._choose)
        self._connection: RawClient | None = None

    async def run(self, until_s: float, large_histories: int) -> None:
        """Large histories first, then one conversation after the other until the loop's clock reaches
        `until_s`."""
        loop = asyncio.get_running_loop()
        for _ in range(large_histories):
            await self._sent(self._large())
        while loop.time() < until_s:
            await asyncio.sleep(self._choose.uniform(0.0, 0.5))
            await self._sent(self._next())
        await self._disconnect()

    async def _sent(self, ask: Ask) -> None:
        self._note(ask, "asks", kind=ask.kind, stream=ask.is_stream, slow=ask.is_slow)
        await self._ask(ask)

    def _large(self) -> Ask:
        """A new history of 700 KB, which fills the memory for messages at once."""
        serial = next(self._serials)
        messages: list[Message] = []
        for _ in range(1500):
            text = f"Question {self._choose.random()}: " + "please look at this. " * 12
            messages.append({"role": "user", "content": text})
            messages.append({"role": "assistant", "content": "".join(text_of(self._choose))})
        messages.append({"role": "user", "content": "And now?"})
        headers = [("X-Soak-Serial", str(serial)), ("X-Soak-Plain", "1")]
        wire = request_bytes("POST", CHAT, {"messages": messages}, headers)
        return Ask(serial, "large history", wire, patience_s=PATIENCE_S * 10)

    def _next(self) -> Ask:
        choose, serial = self._choose, next(self._serials)
        kind = drawn(choose, KINDS)
        is_stream = choose.random() < 0.6
        leaves = drawn(choose, LEAVES) if kind == "chat" else ""
        headers = [("X-Soak-Pace", "1")] if leaves else []  # so that it leaves a running answer
        headers += [("X-Soak-Serial", str(serial)), ("X-Soak-Stream", "01"[is_stream])]
        if kind in ("passed", "upload"):
            upload = (
                choose.randbytes(choose.randrange(1, 400_000)) if kind == "upload" else {"a": 1}
            )
            method, path = ("PUT", "/v1/files") if kind == "upload" else ("POST", "/v1/embeddings")
            return Ask(serial, kind, request_bytes(method, path, upload, headers))
        body = self._conversation.body(is_stream=is_stream)
        if kind == "garbage":
            body = garbage(choose, body)
        if kind == "side":
            body = body.replace(b"Question", b"Write a title for this chat. Question")
        wire = request_bytes("POST", CHAT, body, headers)
        return Ask(serial, kind, wire, is_stream, leaves, choose.random() < 0.05)

    async def _ask(self, ask: Ask) -> None:
        try:
            async with asyncio.timeout(ask.patience_s * 4):
                client = await self._connected()
                if ask.kind == "half a request":
                    await client.send(ask.wire[: len(ask.wire) // 2])
                    self._leave(ask, "half a request")
                    return
                await client.send(ask.wire)
                if ask.leaves == "at once":
                    self._leave(ask, ask.leaves)
                    return
                await self._receive(client, ask)
        except TimeoutError:
            self._leave(ask, "patience")
        except (ConnectionError, EOFError, ValueError, IndexError) as error:
            await self._disconnect()
            self._note(ask, "got", status=None, clean=False, why=repr(error))

    async def _receive(self, client: RawClient, ask: Ask) -> None:
        async with asyncio.timeout(ask.patience_s):
            answer = await client.head()
        if ask.leaves == "at the head":
            self._leave(ask, ask.leaves)
            return
        arrivals = client.body(answer)
        for count in itertools.count():
            async with asyncio.timeout(ask.patience_s):
                arrival = await anext(arrivals, None)
            if arrival is None:
                break
            if ask.leaves == "in the body" and count == ask.serial % 5:
                self._leave(ask, ask.leaves)
                return
            client.received.clear()
            if ask.is_slow:
                await asyncio.sleep(0.02)
        await self._ended(ask, answer)

    async def _ended(self, ask: Ask, answer: Answer) -> None:
        body = answer.body
        status, clean = answer.status, answer.complete
        self._note(ask, "got", status=status, clean=clean, digest=digest(body), size=len(body))
        if ask.kind == "chat" and clean and answer.status == 200:
            self._conversation.heard(body, is_stream=ask.is_stream)
        if not clean or self._choose.random() < 0.2:
            await self._disconnect()

    def _leave(self, ask: Ask, when: str) -> None:
        """Leave now: FIN, or RST if the answer has begun."""
        client, self._connection = self._connection, None
        if client is not None:
            reset = when not in ("at once", "half a request") and ask.serial % 2 == 0
            self._note(ask, "left", when=when, at=asyncio.get_running_loop().time())
            client.close(reset=reset)
        else:
            self._note(ask, "left", when=when)

    def _note(self, ask: Ask, event: str, **more: object) -> None:
        self._journal.write(serial=ask.serial, event=event, **more)

    async def _connected(self) -> RawClient:
        if self._connection is None:
            streams = await asyncio.open_connection("127.0.0.1", self._port)
            self._connection = RawClient(*streams)
        return self._connection

    async def _disconnect(self) -> None:
        client, self._connection = self._connection, None
        if client is not None:
            client.close()
            with suppress(ConnectionError):
                await client.wait_closed()


async def main(arguments: Sequence[str]) -> None:
    """Run all conversations, for so long."""
    port, count, seconds, seed, first, large, path = arguments
    serials = itertools.count(int(first))
    journal = Journal(Path(path))
    until_s = asyncio.get_running_loop().time() + float(seconds)
    clients = [Client(int(port), serials, f"{seed}/{n}", journal) for n in range(int(count))]
    await asyncio.gather(*(client.run(until_s, int(large)) for client in clients))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
