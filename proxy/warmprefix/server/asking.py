"""Asks the backend about a break that the prompts do not explain: after the turn, never during it."""

from dataclasses import replace

from warmprefix.backends.known import KnownBackend
from warmprefix.core.explain.cache_break import Evidence, template_break
from warmprefix.pipeline.stages import Question


async def gather(backend: KnownBackend, question: Question) -> Evidence:
    """The evidence of a question, with what the backend answers added."""
    evidence = question.evidence
    known = backend.of(question.model)
    if not evidence.restarted:
        await known.has_restarted()
        # A request may have noticed it, or the watch for restarts.
        evidence = replace(evidence, restarted=known.generation != question.before.generation)
    if evidence.restarted or evidence.model_before != evidence.model_after:
        return evidence
    before = await known.render(question.dialect.as_chat(question.before.prompt))
    after = await known.render(question.dialect.as_chat(question.after))
    if before is None or after is None:
        return evidence
    reasoning = [m.reasoning for m in question.before.prompt.messages if m.reasoning]
    return replace(evidence, template=template_break(before, after, reasoning))
