"""The end of a turn: an ordered list of steps, each behind a wall of its own.

None of them can cut the reply or keep the turn out of the log: what fails is left out, counted, and named in
the turn's line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from warmprefix.capture.writer import Tape
from warmprefix.core.slots.choice import Traits
from warmprefix.core.slots.prewarm import kept_reply
from warmprefix.core.turn import Turn
from warmprefix.core.types import Reply
from warmprefix.guard import guard
from warmprefix.log.turns import Place
from warmprefix.pipeline.prepared import Prepared
from warmprefix.pipeline.remember import Ended, Question, turn_of
from warmprefix.server.asking import gather
from warmprefix.server.parts import Parts
from warmprefix.server.way import Way
from warmprefix.slots.seatings import ModelParts
from warmprefix.slots.table import Seat, Unseen


@dataclass(slots=True)
class Ending:
    """A turn that has ended, as each step finds and leaves it. `own`: the slots of the model that was asked
    for."""

    parts: Parts
    way: Way
    prepared: Prepared
    ended: Ended
    turn: Turn
    seat: Seat | Unseen | None = None
    own: ModelParts | None = None
    tape: Tape | None = None
    question: Question | None = None


def record(ending: Ending) -> None:
    """Into the ledger, and explained as far as can be without asking."""
    found = ending.parts.recorder.record(ending.prepared, ending.ended, ending.turn)
    ending.turn, ending.question = found


def name_backend(ending: Ending) -> None:
    """Who answered, and why that one; it runs one request less."""
    route = ending.way.route
    ending.turn = replace(ending.turn, backend=route.backend, backend_reason=route.reason)
    ending.way.end()


def leave_slot(ending: Ending) -> None:
    """The slot is free, and known to hold this turn."""
    request, seatings = ending.prepared.request, ending.parts.seatings
    if seatings is None:
        return
    own = ending.own = seatings.of(request.model if request else None)
    seat, reply = ending.seat, ending.ended.reply
    if seat is not None:
        kept = kept_reply(reply, ending.turn.status)
        goes_on = kept is not None and bool(kept.tool_calls)
        ending.turn = own.seating.leave(seat, ending.turn, reply.message, goes_on=goes_on)


def compare(ending: Ending) -> None:
    """What the turn would have cost without us."""
    prepared, seat, parts = ending.prepared, ending.seat, ending.parts
    request, sent = prepared.request, prepared.sent
    if request is None or sent is None or prepared.shadow is not None or ending.turn.status != 200:
        return
    choice = seat.choice if isinstance(seat, Seat) else None
    about, traits = (ending.ended.generation, 1), Traits()
    own = ending.own
    if own is not None:
        table = own.seating.table
        about, traits = (table.generation, len(table.slots)), table.traits
    reply, stats = ending.ended.reply.message, ending.turn.stats
    direct = parts.direct if own is None else own.direct
    kept = direct.turn(request.prompt, sent, reply, stats, choice, about, traits)
    ending.turn = replace(ending.turn, kept=kept)
    if kept is not None and own is not None and ending.turn.restored:
        own.seating.judge("restoring", kept.tokens)


def read_ahead(ending: Ending) -> None:
    """The coming prompt may be read while nobody asks."""
    own, seat = ending.own, ending.seat
    if own is not None and own.prewarm is not None:
        placed = seat if isinstance(seat, Seat) else None
        own.prewarm.ended(ending.turn, ending.prepared, ending.ended.reply, placed)


def watch_restarts(ending: Ending) -> None:
    """This turn is read again if the backend starts anew."""
    reread = ending.parts.reread
    if reread is not None:
        reread.ended(ending.turn, ending.prepared, ending.ended.reply)


def see_model(ending: Ending) -> None:
    """Another model than before brings another template."""
    turn = ending.turn
    ending.parts.known.ended(turn.model, ending.way.headers, turn.status)


def capture(ending: Ending) -> None:
    """The exchange goes into the capture file."""
    tape = ending.tape
    if tape is not None:
        tape.end(ending.turn, as_received=ending.prepared.body == tape.request)


def log(ending: Ending) -> None:
    """The turn's line, at once or when the backend was asked about its break."""
    turns, question = ending.parts.turns, ending.question
    if question is None:
        turns.add(_named(ending, ending.turn))
        return
    place = turns.reserve()
    work = _explain(ending, question, place)
    with guard(ending.parts.counters, "explain", ending.prepared.failed_open):
        ending.parts.tasks.start(work, "explain")
        return
    work.close()
    turns.fill(place, _named(ending, ending.turn))


STEPS: tuple[tuple[str, Callable[[Ending], None]], ...] = (
    ("record", record),
    ("routing", name_backend),
    ("slot", leave_slot),
    ("compare", compare),
    ("prewarm", read_ahead),
    ("reread", watch_restarts),
    ("backend-facts", see_model),
    ("capture", capture),
    ("log", log),
)
"""All that happens at the end of a turn, in order, each with the reason under which its failure is counted."""


def end_turn(
    parts: Parts,
    way: Way,
    prepared: Prepared,
    ended: Ended,
    seat: Seat | Unseen | None,
    tape: Tape | None,
) -> None:
    """Take every step. Raises nothing."""
    turn = turn_of(prepared, replace(ended, reply=Reply()))  # nothing in it can fail
    with guard(parts.counters, "record", prepared.failed_open):
        turn = turn_of(prepared, ended)
    ending = Ending(parts, way, prepared, ended, turn, seat, tape=tape)
    for reason, step in STEPS:
        with guard(parts.counters, reason, prepared.failed_open):
            step(ending)


async def _explain(ending: Ending, question: Question, place: Place) -> None:
    """Explain a turn with what the backend says of itself, then log it."""
    parts, turn = ending.parts, ending.turn
    try:
        with guard(parts.counters, "explain", ending.prepared.failed_open):
            evidence = await gather(parts.known, question)
            found = parts.recorder.explain(turn, question.before, question.after, evidence)
            turn = replace(turn, cache_break=found)
    finally:
        with guard(parts.counters, "log"):
            parts.turns.fill(place, _named(ending, turn))


def _named(ending: Ending, turn: Turn) -> Turn:
    return replace(turn, failed_open=tuple(ending.prepared.failed_open))
