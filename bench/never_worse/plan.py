"""A plan: what the clients of one run do, step by step. It depends only on its seed, not on the proxy."""

from dataclasses import dataclass, field
from typing import Any, Literal

from bench.sessions.agent import Habits

Json = dict[str, Any]
Base = Literal["history", "system", "nothing"]


@dataclass(frozen=True, slots=True)
class Native:
    """A client of another endpoint than chat completions. `agent`: the id of a sub-agent; `process`: how often
    the client was started."""

    endpoint: Literal["messages", "responses"]
    session: str
    habits: Habits
    agent: str | None = None
    process: int = 1


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a reply: a chat completion unless `native` says otherwise.

    `who`: the conversation; those with the same name up to the dot belong to one client. `drop`: messages at
    the end of the history that the client takes back first. `new`: messages that it adds; `{history}` in them
    becomes the conversation as text. `base`: what comes before them. `kept`: they and the reply stay in the
    history. `reply`: the message that the model says. `noises`: what the client does to its history, names of
    noise.py. `options`: other members of the body.
    """

    who: str
    reply: Json
    new: tuple[Json, ...] = ()
    drop: int = 0
    base: Base = "history"
    kept: bool = True
    noises: tuple[str, ...] = ()
    options: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    native: Native | None = None


@dataclass(frozen=True, slots=True)
class Fork:
    """The conversation `who` goes on as `into` too, without its last `drop` messages."""

    who: str
    into: str
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    """A request to another endpoint that generates."""

    who: str
    path: str
    body: Json


@dataclass(frozen=True, slots=True)
class Pause:
    """No requests for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Restart:
    """The server is killed and started again."""


@dataclass(frozen=True, slots=True)
class Nap:
    """No requests until the server sleeps (`--sleep-idle-seconds`)."""


Step = Ask | Fork | Other | Pause | Restart | Nap


@dataclass(frozen=True, slots=True)
class Plan:
    """`systems`: the opening messages of each conversation. `template`: the chat template's name.

    `strict`: through the proxy it may cost at most one token per request more than directly.
    """

    seed: int
    kind: str
    template: str
    systems: dict[str, tuple[Json, ...]]
    steps: tuple[Step, ...]
    strict: bool = False

    @property
    def requests(self) -> int:
        """How many requests its clients make."""
        return sum(isinstance(step, Ask | Other) for step in self.steps)

    @property
    def needs_mouth(self) -> bool:
        """Whether no grammar makes the server say some reply: with tools, and at other endpoints."""
        asks = [step for step in self.steps if isinstance(step, Ask)]
        return any("tools" in ask.options or ask.native is not None for ask in asks)

    @property
    def naps(self) -> bool:
        """Whether the server must be one that falls asleep."""
        return any(isinstance(step, Nap) for step in self.steps)
