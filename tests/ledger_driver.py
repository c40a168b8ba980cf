"""Drives the pipeline with a real store and no backend: requests in, forwarded bodies out."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from warmprefix.backends import llamacpp
from warmprefix.config import CanonicalizeConfig, Config, MemoryConfig
from warmprefix.core.memory.ledger import Place
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import Finish, Message, Outcome, Reply, Timings
from warmprefix.counters import Counters
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.pipeline.in_force import in_force
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Outgoing, Question, Written, as_it_came, ended_of, turn_of
from warmprefix.profiles.volatile import explained_patterns
from warmprefix.stores.base import Store
from warmprefix.stores.memory import MemoryStore

PATH = "/v1/chat/completions"
NO_TIMES = Times(0.0, 0.0, 0.0, None)

Json = dict[str, Any]


class Driver:
    """One proxy without its sockets."""

    def __init__(
        self,
        enable: Sequence[str] = (),
        reasoning: str = "always",
        *,
        observe: bool = False,
        store: Store | None = None,
        scope_headers: Sequence[str] = (),
        path: str = PATH,
        start: str = "",
        open_calls: bool = False,
        **canonicalize: Any,
    ) -> None:
        config = Config(
            canonicalize=CanonicalizeConfig(enable=tuple(enable), **canonicalize),
            memory=MemoryConfig(
                store="memory",
                restore_reasoning=reasoning,  # type: ignore[arg-type]
                scope_headers=tuple(scope_headers),
            ),
        )
        self.path = path
        self.start = start
        self.open_calls = open_calls
        self.restores = True
        self.config = config
        self.counters = Counters()
        self.store: Store = store or MemoryStore(1 << 30, 1e9)
        recent = Recent()
        self.pipeline = Pipeline(config, self.store, self.counters, recent, observe=observe)
        force = in_force(config, observe=observe)
        self.recorder = Recorder(self.store, recent, explained_patterns(), force=force)
        self.outgoing: Outgoing | None = None
        self.turn: Turn | None = None
        self.question: Question | None = None

    @property
    def place(self) -> Place:
        """Where the last turn stands."""
        assert isinstance(self.outgoing, Written)
        return self.outgoing.place

    async def send(
        self,
        messages: Sequence[Json],
        tools: Sequence[Json] | None = None,
        reply: Json | None = None,
        headers: dict[str, str] | None = None,
        timings: Timings | Callable[[Json], Timings] | None = None,
        **options: Any,
    ) -> Json:
        """The body that is forwarded for a request; `reply` is what the model then generates, `timings` what is
        reported of it, perhaps by what was forwarded."""
        body: Json = {"model": "m", "messages": list(messages), **options}
        if tools is not None:
            body["tools"] = list(tools)
        message = parse_message(json.dumps(reply).encode()) if reply else None
        raw = json.dumps(body).encode()
        return await self.send_body(self.path, raw, message, headers, timings)

    async def send_body(
        self,
        path: str,
        raw: bytes,
        message: Message | None,
        headers: Mapping[str, str] | None = None,
        timings: Timings | Callable[[Json], Timings] | None = None,
    ) -> Json:
        """The same for a request to any endpoint; `message` is what the model then generates."""
        placed = await self.pipeline.identify(as_it_came(path, headers or {}, raw))
        outgoing = await self.pipeline.write(
            placed, llamacpp.KIND, open_calls=self.open_calls, restores=self.restores
        )
        self.outgoing = outgoing
        forwarded: Json = json.loads(outgoing.body)
        counted = timings(forwarded) if callable(timings) else timings
        said = Reply(message=message, finish=Finish.ANSWER, timings=counted)
        ended = ended_of(outgoing, said, 200, Outcome.OK, NO_TIMES, start=self.start)
        patch = self.recorder.ended(ended)
        self.turn, self.question = turn_of(ended, patch), patch.get("question")
        return forwarded


async def replay(driver: Driver, messages: list[Json], tools: list[Json] | None) -> Json:
    """A conversation as it grew: each assistant message was the model's reply, then the whole."""
    for at, message in enumerate(messages):
        if message["role"] == "assistant":
            await driver.send(messages[:at], tools, message)
    return await driver.send(messages, tools)


def same(one: object, other: object) -> bool:
    """Whether two values are the same JSON bytes: key order counts, and True is not 1."""
    return json.dumps(one) == json.dumps(other)
