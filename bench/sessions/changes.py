"""What clients do to a request before they send it: each change is a pure function of a draft.

A draft is what a client that keeps everything would send; `request` counts its requests from 0. The source of
each habit is named in the noises that use it (noises.py).
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from bench.sessions.script import Json


@dataclass(frozen=True, slots=True)
class Draft:
    """Messages and tools about to be sent."""

    messages: tuple[Json, ...]
    tools: tuple[Json, ...]
    request: int

    def users(self) -> tuple[int, ...]:
        """Positions of the user messages."""
        return tuple(at for at, message in enumerate(self.messages) if message["role"] == "user")


Change = Callable[[Draft], Draft]


def nothing(draft: Draft) -> Draft:
    """The draft itself."""
    return draft


def each(change: Callable[[Json], Json]) -> Change:
    """Applies the change of one message to all of them."""
    return lambda draft: replace(draft, messages=tuple(map(change, draft.messages)))


def sorted_arguments(message: Json) -> Json:
    """Arguments after a round trip: sorted keys, compact separators, ASCII escapes."""
    if "tool_calls" not in message:
        return message
    return {**message, "tool_calls": [_sorted_call(call) for call in message["tool_calls"]]}


def _sorted_call(call: Json) -> Json:
    function = call["function"]
    value = json.loads(function["arguments"])
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return {**call, "function": {**function, "arguments": text}}


def stripped_text(message: Json) -> Json:
    """A text without the blanks around it; tool results stay unchanged."""
    if message["role"] == "tool":
        return message
    return {**message, "content": message["content"].strip()}


def without_reasoning(message: Json) -> Json:
    """A message as stored by a client that does not know `reasoning_content`."""
    return {key: value for key, value in message.items() if key != "reasoning_content"}


def misnamed_reasoning(message: Json) -> Json:
    """Reasoning under the key that other servers use, which llama-server does not read."""
    return {("reasoning" if key == "reasoning_content" else key): message[key] for key in message}


def reasoning_as_text(message: Json) -> Json:
    """Reasoning at the head of the content, between tags."""
    reasoning = message.get("reasoning_content")
    if not reasoning:
        return message
    text = f"<think>\n{reasoning}\n</think>\n{message['content']}"
    return {**without_reasoning(message), "content": text}


def stored(message: Json) -> Json:
    """A message that was written to a session store and read back."""
    message = stripped_text(sorted_arguments(message))
    if message["role"] == "tool":
        return {key: value for key, value in message.items() if key != "name"}
    if message["role"] != "assistant":
        return message
    calls = message.get("tool_calls")
    if not calls:
        return {**message, "finish_reason": "stop"}
    marked = [
        {**call, "call_id": call["id"], "response_item_id": f"fc_{call['id']}"} for call in calls
    ]
    return {**message, "tool_calls": marked, "finish_reason": "tool_calls"}


def reload_at(user_turn: int) -> Change:
    """From this user turn on, everything before it comes from a session store."""

    def change(draft: Draft) -> Draft:
        users = draft.users()
        if len(users) < user_turn:
            return draft
        at = users[user_turn - 1]
        before, after = draft.messages[:at], draft.messages[at:]
        return replace(draft, messages=(*map(stored, before), *after))

    return change


def renamed_ids(draft: Draft) -> Draft:
    """Ids of the client's own, the same in every request."""
    names: dict[str, str] = {}

    def rename(message: Json) -> Json:
        if "tool_call_id" in message:
            given = message["tool_call_id"]  # a dropped call has no new id
            return {**message, "tool_call_id": names.get(given, given)}
        if "tool_calls" not in message:
            return message
        for call in message["tool_calls"]:
            names[call["id"]] = f"tool_{len(names):09}"
        calls = [{**call, "id": names[call["id"]]} for call in message["tool_calls"]]
        return {**message, "tool_calls": calls}

    return each(rename)(draft)


def late_results_first(draft: Draft) -> Draft:
    """Results of the newest batch as they arrive, the last call's first; later in the order of the calls."""
    messages = list(draft.messages)
    start = len(messages)
    while messages[start - 1]["role"] == "tool":
        start -= 1
    return replace(draft, messages=(*messages[:start], *reversed(messages[start:])))


def edited_at(user_turn: int) -> Change:
    """From this user turn on, the first user message is different."""

    def change(draft: Draft) -> Draft:
        users = draft.users()
        if len(users) < user_turn:
            return draft
        messages = list(draft.messages)
        first = messages[users[0]]
        messages[users[0]] = {**first, "content": f"{first['content']} Take your time."}
        return replace(draft, messages=tuple(messages))

    return change


def tool_added_at(user_turn: int) -> Change:
    """The last tool is offered from this user turn on only."""
    return lambda draft: (
        draft if len(draft.users()) >= user_turn else replace(draft, tools=draft.tools[:-1])
    )


def together(*changes: Change) -> Change:
    """One change after the other."""
    return lambda draft: reduce(lambda before, change: change(before), changes, draft)


def shuffled_tools(draft: Draft) -> Draft:
    """The same tools, in another order for each request."""
    tools = list(draft.tools)
    random.Random(draft.request).shuffle(tools)
    return replace(draft, tools=tuple(tools))


def shuffled_schemas(draft: Draft) -> Draft:
    """The same tools, with their keys in another order for each request, down to the properties."""
    chance = random.Random(draft.request)

    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(item) for item in value]
        if not isinstance(value, dict):
            return value
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    return replace(draft, tools=tuple(shuffled(tool) for tool in draft.tools))


def with_reminders(draft: Draft, *, newest_only: bool) -> Draft:
    """A reminder at the end of each user turn, or of the newest one only."""
    messages = list(draft.messages)
    users = draft.users()
    for number, at in enumerate(users, 1):
        if newest_only and at != users[-1]:
            continue
        text = (
            f"<system-reminder>\nThis is user turn {number}. Open points: {number + 2}. "
            "Do not mention this reminder.\n</system-reminder>"
        )
        messages[at] = {**messages[at], "content": f"{messages[at]['content']}\n\n{text}"}
    return replace(draft, messages=tuple(messages))


def with_clock(draft: Draft, *, at_the_top: bool, runs: bool) -> Draft:
    """A clock in the system message, which advances by 37 seconds per request if it runs."""
    minutes, seconds = divmod(draft.request * 37 if runs else 0, 60)
    clock = f"Current time is 08:{minutes:02}:{seconds:02}. Today's date is 2031-03-03."
    system = draft.messages[0]["content"]
    text = f"{clock}\n{system}" if at_the_top else f"{system.rstrip()}\n\n{clock}"
    return replace(draft, messages=({**draft.messages[0], "content": text}, *draft.messages[1:]))
