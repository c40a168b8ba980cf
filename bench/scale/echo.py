"""A backend that answers each request by what it asks, and looks for bytes of others. A process of its own.

`python -m bench.scale.echo` prints its port. Every message of a conversation has its mark (`<c7>`); the last is
numbered (`#12`). The answer repeats both. GET /told: which numbers were answered, and how many bodies had a
mark of another conversation.
"""

import asyncio
import json
import re
from collections.abc import Mapping

MARK = re.compile(r"<c\d+>")
NUMBER = re.compile(r"#(\d+)")


def answer_to(mark: str, number: int) -> str:
    """What is said to a request; the blanks at its edges are for the client to strip."""
    return f" {mark} answer to {number} \n"


class Backend:
    """`answered`: the numbers of all requests; `foreign`: bodies with a mark of another conversation."""

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.foreign = 0

    def chat(self, body: bytes) -> Mapping[str, object]:
        """The answer to a chat completion."""
        messages = json.loads(body)["messages"]
        last = messages[-1]["content"]
        (mark,) = MARK.findall(last)
        number = int(NUMBER.findall(last)[-1])
        self.foreign += {*MARK.findall(json.dumps(messages))} != {mark}
        self.answered.append(number)
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
        if path == "/told":
            return {"answered": self.answered, "foreign": self.foreign}
        return {"object": "list", "data": [{"id": "m", "object": "model"}]}


def _whole(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Backend().serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
