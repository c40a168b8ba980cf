"""A client that plays a script: it builds its own history from the replies, and sends it with a noise."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from bench.sessions.changes import Change, Draft
from bench.sessions.script import Json, Reply, Script
from bench.sessions.scripted_model import ScriptedModel
from bench.sessions.wire import message_of, post

MAIN, SIDE = "main", "side"
Side = Literal["own prompt", "shared prompt"]

TOOL_S = 0.02
"""How long tools run. By then the proxy's background questions after a reply are done; real tools take
longer.
"""

_TITLE = (
    "You write titles. Answer with a title of three to six words for the conversation that begins "
    "with the text below, in its language, without quotation marks."
)
_REVIEW = "Pause here. Write one sentence on what should be remembered of this conversation so far."


@dataclass(frozen=True, slots=True)
class Client:
    """Sets `model`'s reply to each of its requests. `urls`: the address for each user turn; the last one serves
    for the rest."""

    urls: Sequence[str]
    model: ScriptedModel
    script: Script
    change: Change
    side: Side | None = None
    reasoning: bool = False

    def play(self) -> None:
        """The whole session, one request after the other."""
        history: list[Json] = [{"role": "system", "content": self.script.system}]
        for number, turn in enumerate(self.script.turns):
            url = self.urls[min(number, len(self.urls) - 1)]
            history.append({"role": "user", "content": turn.user})
            for reply in turn.replies:
                mark = f"{self.script.name}:{len(history)}"
                said = scripted(reply, mark, reasoning=self.reasoning)
                history.append(self._ask(url, MAIN, history, said))
                results = zip(history[-1].get("tool_calls", ()), reply.calls, strict=True)
                history += (result(call, done.result) for call, done in results)
                time.sleep(TOOL_S)
            if self.side is not None:
                self._ask_aside(url, history)

    def _ask(self, url: str, label: str, messages: Sequence[Json], reply: Json) -> Json:
        requests = sum(message["role"] == "assistant" for message in messages)
        draft = self.change(Draft(tuple(messages), self.script.tools, requests))
        return self._send(url, label, list(draft.messages), list(draft.tools), reply)

    def _ask_aside(self, url: str, history: Sequence[Json]) -> None:
        reply: Json = {"role": "assistant", "content": "A short line about it"}
        if self.side == "own prompt":
            words = {"role": "user", "content": history[1]["content"]}
            self._send(url, SIDE, [{"role": "system", "content": _TITLE}, words], [], reply)
        else:
            words = {"role": "user", "content": _REVIEW}
            self._ask(url, SIDE, [history[0], history[1], words], reply)

    def _send(
        self, url: str, label: str, messages: list[Json], tools: list[Json], reply: Json
    ) -> Json:
        body: Json = {"model": "scripted", "messages": messages, "stream": self.script.stream}
        if tools:
            body["tools"] = tools
        self.model.expect(label, reply)
        return message_of(post(f"{url}/v1/chat/completions", body))


def scripted(reply: Reply, mark: str, *, reasoning: bool) -> Json:
    """The reply as a message of the wire; the ids depend on nothing but `mark`."""
    message: Json = {"role": "assistant", "content": reply.content}
    if reasoning and reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": _id(mark, at),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for at, call in enumerate(reply.calls)
        ]
    return message


def result(call: Json, text: str) -> Json:
    """What a tool answers to a call."""
    name = call["function"]["name"]
    return {"role": "tool", "tool_call_id": call["id"], "name": name, "content": text}


def _id(mark: str, call: int) -> str:
    digest = blake2b(f"{mark}:{call}".encode(), digest_size=12).hexdigest()
    return f"call_{digest}"
