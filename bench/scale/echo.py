"""A backend that answers each request by what it asks, and looks for bytes of others. A process of its own.

`python -m bench.scale.echo PORT FILE`. Every message of a conversation has its mark (`<c7>`); the last is
numbered (`#12`). The answer repeats both. FILE gets a line for each request before it is answered, and so
outlives the process: its number, and 1 if the body had a mark of another conversation, else 0.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MARK = re.compile(r"<c\d+>")
NUMBER = re.compile(r"#(\d+)")


def answer_to(mark: str, number: int) -> str:
    """What is said to a request; the blanks at its edges are for the client to strip."""
    return f" {mark} answer to {number} \n"


class Told(NamedTuple):
    """What a backend has answered: the number of each request, and how many had a foreign mark."""

    answered: list[int]
    foreign: int


def told(journal: Path) -> Told:
    """What a backend has written down."""
    rows = [line.split() for line in journal.read_text().splitlines()] if journal.exists() else []
    return Told([int(number) for number, _ in rows], sum(int(foreign) for _, foreign in rows))


class Backend:
    """`journal`: the file that gets a line for each request."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal

    def chat(self, body: bytes) -> Mapping[str, object]:
        """The answer to a chat completion."""
        messages = json.loads(body)["messages"]
        last = messages[-1]["content"]
        (mark,) = MARK.findall(last)
        number = int(NUMBER.findall(last)[-1])
        foreign = {*MARK.findall(json.dumps(messages))} != {mark}
        with self._journal.open("a") as journal:
            journal.write(f"{number} {int(foreign)}\n")
        message = {"role": "assistant", "content": answer_to(mark, number)}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": 8, "total_tokens": 8}
        return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ", 2)
                length = 0
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    length = int(value) if name.lower() == "content-length" else length
                body = await reader.readexactly(length)
                writer.write(_whole(self._answer(method, path, body)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> object:
        if method == "POST" and path.startswith("/v1/chat/completions"):
            return self.chat(body)
        return {"object": "list", "data": [{"id": "m", "object": "model"}]}


def _whole(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def main(port: str, journal: str) -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Backend(Path(journal)).serve, "127.0.0.1", int(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
