"""The end of a turn: its listeners are called, then the turn is built, once, and logged.

Nothing here can cut the reply or keep the turn out of the log: a part that fails is left out, counted, and
named in the turn's line.
"""

from warmprefix.guard import guard
from warmprefix.log.turns import Place
from warmprefix.pipeline.listeners import call_ended
from warmprefix.pipeline.stages import Ended, Patch, Question, turn_of
from warmprefix.server.asking import able, gather
from warmprefix.server.parts import Parts


def end_turn(parts: Parts, ended: Ended) -> None:
    """Call the listeners and log the turn: at once, or after the backend was asked about its break."""
    patch, noted = call_ended(parts.endings, parts.counters, ended), ended.came.failed_open
    shows = parts.turns.shows_excerpts
    with guard(parts.counters, "log", noted):
        question = patch.get("question")
        if question is None:
            parts.turns.add(turn_of(ended, patch, has_title=shows))
            return
        place = parts.turns.reserve()
        work = _explain(parts, ended, patch, question, place)
        with guard(parts.counters, "explain", noted):
            parts.tasks.start(work, "explain")
            return
        work.close()
        parts.turns.fill(place, turn_of(ended, patch, has_title=shows))


async def _explain(
    parts: Parts, ended: Ended, patch: Patch, question: Question, place: Place
) -> None:
    """Explain a turn with what the backend says of itself, then log it."""
    try:
        with guard(parts.counters, "explain", ended.came.failed_open):
            evidence = await gather(parts.known, question)
            if evidence.restarted and not question.evidence.restarted:
                parts.recorder.restarted(question, parts.known.of(question.model).generation)
            known = await able(parts.known, parts.seatings, question)
            patch["cache_break"] = parts.recorder.explain(question, evidence, known)
    finally:
        with guard(parts.counters, "log"):
            shows = parts.turns.shows_excerpts
            parts.turns.fill(place, turn_of(ended, patch, has_title=shows))
