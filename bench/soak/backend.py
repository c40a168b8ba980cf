"""The backend of a soak, a process of its own: answers with faults and keeps a journal of what it sent.

`python -m bench.soak.backend PORT SEED JOURNAL`. For each request with a serial number it writes `begin`, then
`answers` before the first piece, `ending` before the last and `whole` when the kernel has all of it, or `cut`;
`gone` if the peer left. So
the journal of a killed process says what may have arrived, and what must have.
"""

import asyncio
import sys
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from random import Random

from bench.soak.answers import Answer, answer_for
from bench.soak.journal import Journal, digest
from tests.fakes.scripted_http import Connection, Malformed, Request, read_request
from tests.fakes.scripted_replies import dump, head, json_response

CHAT = "/v1/chat/completions"


class Backend:
    """Serves connections and records in `journal` what is sent."""

    def __init__(self, seed: str, journal: Journal) -> None:
        self._seed = seed
        self._journal = journal

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept until a fault or the peer ends it."""
        writer.transport.set_write_buffer_limits(0)  # drained means: the kernel has it
        connection = Connection(reader, writer, 0)
        with suppress(Malformed, ConnectionError):
            while connection.buffer or await connection.fill():
                request = await read_request(connection)
                serial = request.header("x-soak-serial")
                if serial is None:
                    await self._own_question(connection, request)
                elif not await self._watched(connection, request, int(serial)):
                    break
        connection.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _own_question(self, connection: Connection, request: Request) -> None:
        """Answer the proxy's own questions: healthy, and nothing else is known."""
        is_health = request.target == "/health"
        body = dump({"status": "ok"}) if is_health else b"{}"
        length = ("Content-Length", str(len(body)))
        await connection.send(head(200 if is_health else 404, [length]) + body)

    async def _watched(self, connection: Connection, request: Request, serial: int) -> bool:
        """Answer, and note if the peer leaves in the meantime; false if the connection is to end."""
        connection.requests = [request]
        watcher = asyncio.create_task(connection.watch())
        try:
            return await self._answer(connection, request, serial)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            if request.gone_at is not None:
                self._journal.write(serial=serial, event="gone", at=request.gone_at)

    async def _answer(self, connection: Connection, request: Request, serial: int) -> bool:
        answer = self._chosen(request, serial)
        if request.header("x-soak-pace"):
            answer = replace(answer, pause_s=answer.pause_s or 0.02)
        self._note(serial, "begin", answer)
        for at, piece in enumerate(answer.pieces):
            if at == answer.stop_at:
                if answer.stall_s and await left(request, answer.stall_s):
                    return False
                if answer.end != "whole":
                    self._note(serial, "cut", answer)
                    connection.close(reset=answer.end == "reset")
                    return False
            if at == 0:
                self._note(serial, "answers", answer)
            if at == len(answer.pieces) - 1:
                self._note(serial, "ending", answer)
            await connection.send(piece)
            if answer.pause_s and await left(request, answer.pause_s):
                return False
            if request.client_gone.is_set():
                return False
        self._note(serial, "whole", answer)
        return True

    def _chosen(self, request: Request, serial: int) -> Answer:
        if request.method == "PUT":  # an upload: the answer says whether it arrived
            step = json_response({"received": digest(request.body)})[0]
            wire = step.data  # type: ignore[union-attr]  # its first step sends
            return Answer("none", 200, wire.partition(b"\r\n\r\n")[2], (wire,))
        return answer_for(
            serial,
            Random(f"{self._seed}/{serial}"),
            is_chat=request.target == CHAT,
            is_stream=request.header("x-soak-stream") == "1",
            is_plain=request.header("x-soak-plain") == "1",
        )

    def _note(self, serial: int, event: str, answer: Answer) -> None:
        sent = {"status": answer.status, "digest": digest(answer.body)} if event != "begin" else {}
        self._journal.write(serial=serial, event=event, fault=answer.fault, **sent)


async def left(request: Request, seconds: float) -> bool:
    """Wait, but only while the peer is connected; returns whether it left."""
    try:
        async with asyncio.timeout(None if seconds == inf else seconds):
            await request.client_gone.wait()
    except TimeoutError:
        return False
    return True


async def main(port: int, seed: str, journal: Path) -> None:
    """Serve until the process is killed."""
    backend = Backend(seed, Journal(journal))
    server = await asyncio.start_server(backend.serve, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
