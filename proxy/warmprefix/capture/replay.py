"""Runs a captured session through the rules and the ledger again, without a backend.

The proxy observes: each turn has the break that the client's own prompts show, and the prompt that would have
been sent. Replaying the session with one rule switched off shows what that rule does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warmprefix.backends import llamacpp
from warmprefix.capture.line import Captured
from warmprefix.config import Config
from warmprefix.core.explain.saving import Reaches, held, would_save
from warmprefix.core.memory.ledger import NOTHING, Asked, Found
from warmprefix.core.rules.memory_rules import MEMORY_RULES
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import Message, Outcome, Prompt, Reply, Timings, Usage
from warmprefix.counters import Counters
from warmprefix.dialects import DIALECTS, dialect_of
from warmprefix.dialects.base import read_reply
from warmprefix.pipeline.in_force import in_force
from warmprefix.pipeline.observe import Compared, Observer
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import (
    Ended,
    Outgoing,
    Passed,
    Written,
    as_it_came,
    ended_of,
    turn_of,
)
from warmprefix.profiles.volatile import explained_patterns
from warmprefix.stores.memory import MemoryStore

LEDGER = "the ledger"
"""Listed like a rule: the name of a run without remembered messages."""

_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Step:
    """One replayed turn. `before` is the number of the turn that it was compared with.

    `written` and `compared` are None if the body was not understood.
    """

    captured: Captured
    turn: Turn
    written: Written | None
    reply: Message | None
    before: int | None
    compared: Compared | None

    @property
    def ratio(self) -> float | None:
        """Tokens per character, by the captured counts."""
        tokens = self.captured.stats.prompt_tokens
        return tokens / self.compared.direct.total if tokens and self.compared else None


@dataclass(frozen=True, slots=True)
class Without:
    """What a session would cost more if one rule were off. `tokens` is None if no counts were captured."""

    name: str
    turns: int
    characters: int
    tokens: int | None


class _Forgetful(MemoryStore):
    """A store that remembers nothing."""

    async def find(self, keys: Sequence[bytes], asked: Asked | None = None) -> Found:
        """Nothing."""
        del keys, asked
        return NOTHING


async def replayed(
    session: Sequence[Captured], config: Config, *, remembers: bool = True
) -> list[Step]:
    """The steps of a session, in order."""
    counters, recent, observer = Counters(), Recent(_NO_LIMIT), Observer()
    store = (MemoryStore if remembers else _Forgetful)(_NO_LIMIT, float(_NO_LIMIT))
    pipeline = Pipeline(config, store, counters, recent, observe=True)
    force = in_force(config, observe=True)
    recorder = Recorder(store, recent, explained_patterns(), pipeline.identifier, force)
    steps: list[Step] = []
    names: dict[str, int] = {}
    for captured in session:
        came = as_it_came(captured.path, captured.headers, captured.request)
        outgoing = await pipeline.prepare(came, llamacpp.KIND)
        written = None if isinstance(outgoing, Passed) else outgoing
        last = recent.get(written.place.conversation) if written else None
        ended = ended_as(captured, outgoing)
        turn = turn_of(ended, recorder.ended(ended))
        names[turn.id] = len(steps)
        compared = observer.compare(written, last) if written else None
        before = names[last.turn] if last else None
        turn = mended(turn, compared) if not captured.as_received and last else turn
        steps.append(Step(captured, turn, written, ended.reply.message, before, compared))
    ids = {step.turn.id: step.captured.turn for step in steps}
    return [replace(step, turn=renamed(step.turn, ids)) for step in steps]


def mended(turn: Turn, compared: Compared | None) -> Turn:
    """A turn that was captured while the proxy changed requests: its counts say nothing about the client's
    prompt, so what would have been saved is estimated from the two texts alone."""
    if turn.would_save is None or compared is None:
        return turn
    whole = replace(turn.stats, processed_tokens=turn.stats.prompt_tokens)
    tokens = would_save(whole, compared.direct, compared.through).tokens
    return replace(turn, would_save=replace(turn.would_save, tokens=tokens))


def renamed(turn: Turn, ids: dict[str, str]) -> Turn:
    """The turn with the ids that were captured."""
    place = turn.place
    if place is not None:
        parent = None if place.parent is None else ids.get(place.parent)
        place = replace(
            place, conversation=ids.get(place.conversation, place.conversation), parent=parent
        )
    return replace(turn, id=ids[turn.id], place=place)


def ended_as(captured: Captured, outgoing: Outgoing) -> Ended:
    """The end of the captured exchange, with the captured counts."""
    reply = read_reply(dialect_of(captured.path) or DIALECTS[0], captured.response)
    outcomes = {outcome.value: outcome for outcome in Outcome}
    times = Times(captured.unix_s, total_ms(captured), 0.0, first_ms(captured))
    return ended_of(
        outgoing,
        counted(reply, captured),
        captured.status,
        outcomes.get(captured.outcome, Outcome.OK),
        times,
    )


def total_ms(captured: Captured) -> float:
    """How long the turn took; in files of an earlier version as long as the backend says that it worked."""
    if captured.total_ms is not None:
        return captured.total_ms
    return (captured.stats.prompt_ms or 0.0) + (captured.stats.generate_ms or 0.0)


def first_ms(captured: Captured) -> float | None:
    """How long the first text took; in files of an earlier version as long as the prompt did."""
    return captured.stats.prompt_ms if captured.total_ms is None else captured.first_ms


def counted(reply: Reply, captured: Captured) -> Reply:
    """The reply with counts: its own if it has any, otherwise those captured beside it."""
    if reply.timings is not None or reply.usage is not None:
        return reply
    stats = captured.stats
    usage = Usage(stats.prompt_tokens, stats.cached_tokens, stats.generated_tokens)
    timings = Timings(
        stats.cached_tokens,
        stats.processed_tokens,
        stats.prompt_ms,
        stats.generated_tokens,
        stats.generate_ms,
    )
    return replace(reply, usage=usage, timings=timings)


async def without_each(
    session: Sequence[Captured], config: Config, steps: Sequence[Step]
) -> list[Without]:
    """How much more the session costs without each rule that acted, and without the ledger."""
    canonicalize = config.canonicalize
    found: list[Without] = []
    for name in acted(config, steps):
        disable = (*canonicalize.disable, name)
        other = replace(config, canonicalize=replace(canonicalize, disable=disable))
        found.append(difference(name, steps, await replayed(session, other)))
    if any(step.written.restored for step in steps if step.written):
        found.append(difference(LEDGER, steps, await replayed(session, config, remembers=False)))
    return sorted(found, key=lambda row: -row.characters)


def acted(config: Config, steps: Sequence[Step]) -> list[str]:
    """Rules that changed something, and opt-ins of the ledger that are on."""
    names = dict.fromkeys(name for step in steps if step.written for name in step.written.rules)
    on = {name.rpartition(":")[2] for name in config.canonicalize.enable}
    return [*names, *(rule.name for rule in MEMORY_RULES if rule.name in on)]


def difference(name: str, steps: Sequence[Step], others: Sequence[Step]) -> Without:
    """How much more `others`, another run of the same session, cost than `steps`.

    In both runs a turn is compared with the same earlier turn.
    """
    reaches = Reaches()
    more_characters, more_tokens, turns, is_counted = 0, 0.0, 0, False
    for step, other in zip(steps, others, strict=True):
        if step.compared is None or other.written is None:
            continue
        before = None if step.before is None else held_by(others[step.before])
        more = reaches.of(before, other.written.ours).left - step.compared.through.left
        turns += more > 0
        more_characters += more
        if step.ratio is not None:
            is_counted = True
            more_tokens += more * step.ratio
    return Without(name, turns, more_characters, round(more_tokens) if is_counted else None)


def held_by(step: Step) -> Prompt | None:
    """What the backend would hold after a turn; None if the body was not understood."""
    return None if step.written is None else held(step.written.ours, step.reply)
