"""Asks the backend about a break: after the turn, never during it."""

from dataclasses import replace

from warmprefix.backends.known import KnownBackend
from warmprefix.backends.known_model import KnownModel
from warmprefix.backends.template import UNKNOWN
from warmprefix.core.explain.evidence import Evidence, only_invites, template_break
from warmprefix.core.explain.hint import Able
from warmprefix.core.explain.saving import held
from warmprefix.core.messages import changed, shown_parts
from warmprefix.pipeline.recent import Last
from warmprefix.pipeline.stages import Question
from warmprefix.slots.seatings import NoSeatings, Seatings


async def gather(backend: KnownBackend, question: Question) -> Evidence:
    """The evidence of a question, with what the backend answers added."""
    evidence = question.evidence
    known = backend.of(question.model)
    if not evidence.restarted and not evidence.is_read_back:
        await known.has_restarted()
        # A request may have noticed it, or the watch for restarts.
        restarted = question.before.is_before(known.generation, known.marker)
        evidence = replace(evidence, restarted=restarted)
    if evidence.restarted or evidence.model_before != evidence.model_after:
        return evidence
    prompt = question.before.prompt
    before = await known.render(question.dialect.as_chat(prompt))
    after = await known.render(question.dialect.as_chat(question.after))
    if before is None or after is None:
        return evidence
    reasoning = [m.reasoning for m in prompt.messages if m.reasoning]
    return replace(
        evidence,
        template=template_break(before, after, reasoning),
        rendered=(before, after),
        held=await _held(known, question),
        prints_options=await _prints_options(known, question, before),
    )


async def _held(known: KnownModel, question: Question) -> str | None:
    """What the slot held after the reply, as the history of a further question; None if there was no reply."""
    before = question.before
    users = [message for message in before.prompt.messages if message.role == "user"]
    if before.reply is None or not users:
        return None
    prompt = held(before.prompt, before.reply)
    more = changed(users[-1], parts=shown_parts("."))
    went_on = replace(prompt, messages=(*prompt.messages, more))
    return await known.render(question.dialect.as_chat(went_on))


async def _prints_options(known: KnownModel, question: Question, before: str) -> bool:
    """Whether the template shows that the template options have changed, in what further prompts go on from."""
    prompt, options = question.before.prompt, question.after.template_options
    if prompt.template_options == options:
        return True
    changed = replace(prompt, template_options=options)
    rendered = await known.render(question.dialect.as_chat(changed))
    return rendered is None or not only_invites(before, rendered)


def is_gone(backend: KnownBackend, seatings: Seatings | NoSeatings, last: Last) -> bool:
    """Whether the backend was seen to restart since a turn, and no file has what it held."""
    known = backend.of(last.model)
    if last.is_read_back or not last.is_before(known.generation, known.marker):
        return False
    if not isinstance(seatings, Seatings):
        return True
    snapshots = seatings.of(last.asked_model).seating.snapshots
    return snapshots is None or not snapshots.can_save


async def able(backend: KnownBackend, seatings: Seatings | NoSeatings, question: Question) -> Able:
    """What is known of the backend that decides about a hint. Nothing is asked for it."""
    known = backend.of(question.model)
    facts = known.template
    slots = len(known.slots) or None
    traits, saves = None, None
    if isinstance(seatings, Seatings):
        seating = seatings.of(question.asked_model).seating
        traits = seating.table.traits
        saves = seating.snapshots is not None and seating.snapshots.can_save
    return Able(
        kind=(await known.kind()).name,
        prints_reasoning=None if facts == UNKNOWN else facts.reasoning_pays,
        has_ram=None if traits is None else traits.has_ram,
        slots=slots,
        saves=saves,
        can_shift=known.can_shift,
    )
