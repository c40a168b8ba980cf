"""A script: what a person asks, what the model replies, and what the tools return. Data, no behaviour."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

Json = dict[str, Any]
"""A JSON object as on the wire; key order is part of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call as the model writes it, and what the tool returns.

    `arguments` is written as the templates write JSON (`{"a": 1}`, nothing escaped), so that a message sent
    back unchanged renders to the generated text.
    """

    name: str
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the model. `reasoning` is left out if the template does not render it."""

    content: str
    reasoning: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class UserTurn:
    """What a person says, and the replies until the model calls no more tools."""

    user: str
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A whole session. `tools` in the wire's shape."""

    name: str
    stream: bool
    system: str
    tools: tuple[Json, ...]
    turns: tuple[UserTurn, ...]

    def first(self, turns: int) -> "Script":
        """The same session, ended after so many user turns."""
        return replace(self, turns=self.turns[:turns])


def script_names() -> tuple[str, ...]:
    """All scripts, by file name."""
    folder = files("bench.sessions").joinpath("scripts")
    names = (entry.name.removesuffix(".toml") for entry in folder.iterdir())
    return tuple(sorted(names))


def load_script(name: str) -> Script:
    """The script of that name."""
    source = files("bench.sessions").joinpath("scripts", f"{name}.toml")
    data = tomllib.loads(source.read_text("utf-8"))
    turns = tuple(
        UserTurn(turn["user"], tuple(map(_reply, turn["replies"]))) for turn in data["turns"]
    )
    return Script(
        data["name"], data["stream"], data["system"], tuple(map(_tool, data["tools"])), turns
    )


def _reply(data: Mapping[str, Any]) -> Reply:
    calls = tuple(Call(**call) for call in data.get("calls", ()))
    return Reply(data["content"], data.get("reasoning", ""), calls)


def _tool(data: Mapping[str, Any]) -> Json:
    return {"type": "function", "function": {**data, "parameters": json.loads(data["parameters"])}}
