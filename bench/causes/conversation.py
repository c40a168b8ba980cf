"""Random conversations as a client keeps them: the drafts of its requests, and the replies.

A draft is what a client that only appends would send. A kind of damage (kinds.py) makes another one of it.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.never_worse.texts import text

Json = dict[str, Any]
_TOOLS = ("read_file", "list_files", "run_tests", "search_text")


@dataclass(frozen=True, slots=True)
class Draft:
    """A request about to be sent. `number`: of the request, from 0; `turn`: of the user's turn, from 0;
    `members`: of the body besides; `headers`: of the request. `is_loop`: a result of a tool is its newest
    message."""

    messages: tuple[Json, ...]
    tools: tuple[Json, ...]
    number: int
    turn: int
    is_loop: bool = False
    members: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


Damage = Callable[[Draft], Draft]


@dataclass(frozen=True, slots=True)
class Step:
    """A request and the reply that it gets."""

    draft: Draft
    reply: Json


def conversation(chance: random.Random, turns: int) -> Iterator[Step]:
    """The requests of one conversation without any damage, in order."""
    tools = tuple(_tool(name, chance) for name in _TOOLS[: chance.randint(1, 4)])
    rules = "\n".join(f"- {text(chance, 60)}." for _ in range(chance.randint(4, 9)))
    history: list[Json] = [
        {"role": "system", "content": f"You work for {text(chance, 30)}.\n\n# Rules\n{rules}"}
    ]
    number = 0
    for turn in range(turns):
        history.append({"role": "user", "content": _question(chance)})
        for last in [False] * chance.choice((0, 1, 1, 2)) + [True]:
            reply = _answer(chance) if last else _calling(chance, number, tools)
            is_loop = history[-1]["role"] == "tool"
            yield Step(Draft(tuple(history), tools, number, turn, is_loop), reply)
            number += 1
            history.append(reply)
            history += [_result(chance, call["id"]) for call in reply.get("tool_calls", ())]


def _question(chance: random.Random) -> str:
    first = f"Please look at the {text(chance, chance.choice((20, 60, 120)))}."
    return first if chance.random() < 0.6 else f"{first}\n\nThen tell me: {text(chance, 80)}?"


def _answer(chance: random.Random) -> Json:
    return {"role": "assistant", "content": f"I found {text(chance, chance.randint(80, 300))}."}


def _calling(chance: random.Random, number: int, tools: Sequence[Json]) -> Json:
    name = chance.choice(tools)["function"]["name"]
    arguments = f'{{"path": "src/{text(chance, 8).replace(" ", "_")}.py", "limit": {chance.randint(1, 99)}}}'
    call = {
        "id": f"call_{number}_{chance.randint(100, 999)}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    return {"role": "assistant", "content": "I look.", "tool_calls": [call]}


def _result(chance: random.Random, call_id: str) -> Json:
    lines = (f"{at}: {text(chance, 50)}" for at in range(1, chance.randint(4, 9)))
    return {"role": "tool", "tool_call_id": call_id, "content": "\n".join(lines)}


def _tool(name: str, chance: random.Random) -> Json:
    parameters = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
    }
    function = {"name": name, "description": text(chance, 80), "parameters": parameters}
    return {"type": "function", "function": function}
