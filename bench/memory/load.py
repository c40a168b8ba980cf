"""Whole conversations, one after the other on each of a few connections. A process of its own.

`python -m bench.memory.load PORT` reads jobs from standard input, one JSON object per line, and answers each,
once it is done, with a line that says how many requests there were.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bench.path.bodies import history

MESSAGES = 50
_CHARACTERS = 400  # per message, so that a conversation has 20 KB
_CONNECTIONS = 4
_REPLY: dict[str, object] = {"role": "assistant", "content": "A reply of some words."}  # the mock's


@dataclass(frozen=True, slots=True)
class Job:
    """Conversations by number. The same number is the same conversation again."""

    numbers: list[int]


def requests_of(number: int) -> Iterator[bytes]:
    """The last two requests of a conversation, of 48 and 50 messages. The first is new to the proxy, as after a
    restart; the second adds the reply and a question."""
    mark = f"{number:06} "
    first = history(MESSAGES - 2, (MESSAGES - 2) * _CHARACTERS, mark)
    question: dict[str, object] = {"role": "user", "content": f"{mark}And what else is there?"}
    for messages in (first, [*first, _REPLY, question]):
        yield json.dumps({"model": "mock", "messages": messages}, separators=(",", ":")).encode()


async def run(port: int, job: Job) -> int:
    """Play all of them; returns how many requests there were. Raises ConnectionError if an answer is not
    200."""
    waiting = iter(job.numbers)
    counts = [_play(port, waiting) for _ in range(_CONNECTIONS)]
    return sum(await asyncio.gather(*counts))


async def _play(port: int, numbers: Iterator[int]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    requests = 0
    for number in numbers:
        for body in requests_of(number):
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
            writer.write(head.encode() + b"\r\n\r\n" + body)
            await _read(reader)
            requests += 1
    writer.close()
    return requests


async def _read(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200 "):
        raise ConnectionError(repr(head))
    await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))


def main() -> None:
    """Answer jobs until standard input ends."""
    for line in sys.stdin:
        print(asyncio.run(run(int(sys.argv[1]), Job(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
