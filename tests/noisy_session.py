"""A short agent session whose client changes its own history, against a backend with a real cache model.

Each noise is a function of the history and the number of the request; the client sends what it gives.
"""

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.lemonade import LemonadeDouble, LemonadeOptions
from tests.fakes.lemonade_shapes import Reply
from tests.fakes.raw_client import exchange

Json = dict[str, Any]
Noise = Callable[[list[Json], int], list[Json]]

CHAT = "/v1/chat/completions"
MODEL = "Qwen3-0.6B-GGUF"
SYSTEM = "You are a careful assistant for a weather station. " * 8
TOOL: Json = {
    "type": "function",
    "function": {"name": "read", "description": "Reads.", "parameters": {"type": "object"}},
}
ARGUMENTS = '{"path": "gauge.conf", "limit": 20}'


def quiet(history: list[Json], number: int) -> list[Json]:
    """The history as it is."""
    del number
    return history


def clock(history: list[Json], number: int) -> list[Json]:
    """The time stands in the system text and moves with every request."""
    moment = f"Current time is 12:{number:02}:00. Today's date is 2026-03-01."
    text = f"{history[0]['content']}\n{moment}\nBe brief."
    return [{**history[0], "content": text}, *history[1:]]


def respelled(history: list[Json], number: int) -> list[Json]:
    """Arguments of calls are parsed and dumped with sorted keys by a session store."""
    del number
    return [*map(_respelled, history[:-1]), *history[-1:]]


def _respelled(message: Json) -> Json:
    if not message.get("tool_calls"):
        return message
    calls = [
        {**call, "function": {**call["function"], "arguments": _sorted(call)}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _sorted(call: Json) -> str:
    return json.dumps(json.loads(call["function"]["arguments"]), sort_keys=True)


def lemonade(*, slots: int = 1) -> LemonadeDouble:
    """A backend that calls a tool and then answers, over and over; one token a character."""
    replies = iter([Reply("Reading.", (("read", ARGUMENTS),)), Reply("It is 4 mm.  ")] * 50)
    options = LemonadeOptions(slots=slots, idle_timeout_s=60.0)
    return LemonadeDouble(options, lambda _: next(replies))


async def play(url: str, noise: Noise, *, requests: int = 4) -> None:
    """The session: user, call, result, answer, user, ..."""
    history: list[Json] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "How much rain fell?"},
    ]
    for number in range(requests):
        body = {"model": MODEL, "messages": noise(history, number), "tools": [TOOL]}
        headers = [("User-Agent", "opencode/1.0"), ("x-session-id", "s1")]
        answer = await exchange(url, "POST", CHAT, body, headers)
        message = answer.json()["choices"][0]["message"]
        history.append({key: message[key] for key in message if message[key] is not None})
        history.append(_next(message, number))


def _next(message: Json, number: int) -> Json:
    if message.get("tool_calls"):
        call = message["tool_calls"][0]["id"]
        return {"role": "tool", "tool_call_id": call, "content": f"gauge=tipping {number}"}
    return {"role": "user", "content": f"And {number} hours before?"}
