"""One request after the other through the pipeline, with a memory in this process and no backend."""

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from warmprefix.backends import llamacpp
from warmprefix.config import Config
from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.turn import Times
from warmprefix.core.types import Outcome, Reply
from warmprefix.counters import Counters
from warmprefix.dialects.base import Dialect, NoMemory
from warmprefix.pipeline.in_force import in_force
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Written, as_it_came, ended_of
from warmprefix.profiles.volatile import explained_patterns
from warmprefix.stores.memory import MemoryStore

Value = TypeVar("Value")

_UNTIMED = Times(0.0, 0.0, 0.0, None)


class Turns:
    """Prepares requests, and remembers what became of them."""

    def __init__(self, config: Config, max_bytes: int, *, observe: bool = False) -> None:
        """`observe`: bodies go out as they come; what would have been made of them is remembered."""
        counters, self.recent = Counters(), Recent()
        store = MemoryStore(max_bytes, config.memory.max_age_s)
        self._pipeline = Pipeline(config, store, counters, self.recent, observe=observe)
        self._recorder = Recorder(
            store,
            self.recent,
            explained_patterns(),
            self._pipeline.identifier,
            in_force(config),
        )
        self._pays = config.memory.restore_reasoning == "always"

    def prepare(
        self, dialect: Dialect, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Written | None:
        """What to send; None if a part of ours failed. Raises NotUnderstood."""
        came = as_it_came(
            min(dialect.paths),
            {name.lower(): value for name, value in (headers or {}).items()},
            body,
        )
        work = self._pipeline.prepare(came, llamacpp.KIND, reasoning_pays=self._pays)
        outgoing = at_once(work)
        if isinstance(outgoing, Written):
            return outgoing
        dialect.parse(body, NoMemory(dialect))  # if that is why, it says so
        return None

    def remember(self, written: Written, reply: Reply) -> CacheBreak | None:
        """Remember a turn, and say where it left the one before."""
        ended = ended_of(written, reply, 200, Outcome.OK, _UNTIMED)
        return self._recorder.ended(ended).get("cache_break")


def at_once(work: Coroutine[Any, Any, Value]) -> Value:
    """The result of a coroutine that waits for nothing, as those of a store in memory: it needs no event loop,
    and may run inside one."""
    try:
        work.send(None)
    except StopIteration as done:
        value: Value = done.value
        return value
    work.close()
    raise RuntimeError("it waits")
