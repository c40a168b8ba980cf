"""A conversation as clients store it: it grows by the replies, and is sent with noise.

Nothing here opens a connection.
"""

import json
from random import Random
from typing import Any

Message = dict[str, Any]

MAX_TURNS = 14
MAX_REPLY_BYTES = 100_000  # a client that got a reply of megabytes begins again
_TOOL = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Read a file.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "n": {"type": "integer"}},
        },
    },
}


class Conversation:
    """The history of one client's conversation."""

    def __init__(self, choose: Random) -> None:
        self._choose = choose
        self.begin()

    def begin(self) -> None:
        """Forget it and begin another."""
        number = self._choose.randrange(10**12)
        text = f"You are agent {number}. " + "Work carefully, read before you write. " * 30
        self._messages: list[Message] = [{"role": "system", "content": text}]
        self._turns = 0
        self.ask()

    def ask(self) -> None:
        """The user's next question."""
        text = f"Question {self._choose.random()}:  " + "please look at this. " * 12 + "\n"
        self._messages.append({"role": "user", "content": text})

    def body(self, *, is_stream: bool) -> bytes:
        """The request, written by a client that reloads its session now and then."""
        messages = [self._noisy(message) for message in self._messages[:-1]]
        value: Message = {
            "model": "soak",
            "messages": [*messages, self._messages[-1]],
            "stream": is_stream,
            "tools": [_TOOL],
        }
        separators = self._choose.choice([(",", ":"), (", ", ": ")])
        return json.dumps(value, ensure_ascii=False, separators=separators).encode()

    def heard(self, body: bytes, *, is_stream: bool) -> None:
        """A whole reply has come: it is added to the history, and the conversation goes on or ends."""
        message = spoken(body, is_stream=is_stream) if len(body) <= MAX_REPLY_BYTES else None
        self._turns += 1
        if message is None or self._turns >= MAX_TURNS:
            self.begin()
            return
        self._messages.append(message)
        for call in message.get("tool_calls", ()):
            result = f"contents of a file  \n{self._choose.random()}" * 5
            self._messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        if "tool_calls" not in message:
            self.ask()

    def _noisy(self, message: Message) -> Message:
        """A message from a store: arguments rewritten, edges stripped, or unchanged."""
        changed = dict(message)
        if self._choose.random() < 0.3 and isinstance(changed.get("content"), str):
            changed["content"] = changed["content"].strip()
        if "tool_calls" in changed and self._choose.random() < 0.5:
            changed["tool_calls"] = [rewritten(call) for call in changed["tool_calls"]]
        return changed


def rewritten(call: Message) -> Message:
    """A tool call whose arguments were parsed and written again, keys sorted."""
    function = call["function"]
    arguments = json.dumps(json.loads(function["arguments"]), sort_keys=True, indent=1)
    return {**call, "function": {**function, "arguments": arguments}}


def spoken(body: bytes, *, is_stream: bool) -> Message | None:
    """The assistant's message of a reply, None if there is none."""
    try:
        if not is_stream:
            choice = json.loads(body)["choices"][0]["message"]
            return {"role": "assistant", "content": choice["content"]}
        return joined(body)
    except (ValueError, KeyError, IndexError):
        return None


def joined(body: bytes) -> Message | None:
    """The message of an event stream, whatever its line ends."""
    text = body.decode().replace("\r\n", "\n").replace("\r", "\n")
    content = ""
    calls: dict[int, Message] = {}
    for line in text.split("\n"):
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        for choice in json.loads(data)["choices"]:
            delta = choice["delta"]
            content += delta.get("content") or ""
            for piece in delta.get("tool_calls", ()):
                call = calls.setdefault(
                    piece["index"], {**piece, "function": dict(piece["function"])}
                )
                if call["id"] != piece.get("id", ""):
                    call["function"]["arguments"] += piece["function"]["arguments"]
    if not content and not calls:
        return None
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {name: call[name] for name in ("id", "type", "function")} for call in calls.values()
        ]
    return message


def garbage(choose: Random, body: bytes) -> bytes:
    """A chat body that cannot be understood."""
    return choose.choice([
        b"",
        b"{}",
        b"null",
        b"\x00\xff\xfe" * 50,
        b'{"messages": []}',
        b'{"messages": 7, "stream": true}',
        b'{"messages": [], "messages": [{"role": "user", "content": "x"}]}',
        b"[" * 5000,
        body[: len(body) // 2],
        body.replace(b'"role"', b'"rule"'),
        body.replace(b"Question", b"\\ud800"),
        body.replace(b"Question", b"\xff"),
    ])  # fmt: skip
