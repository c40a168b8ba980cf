"""Where a prompt leaves the one before, why, what that cost, and what would have prevented it.

Pure: takes two prompts, the counts of two turns, and what is known of the backend; returns one `CacheBreak`.
Nothing is guessed: a cause is named only if the texts or the backend show it, otherwise it is "unknown".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from warmprefix.core.explain.alike import Alike
from warmprefix.core.explain.cures import REUSE_TOKENS, VOLATILE, Broken, hint_of
from warmprefix.core.explain.difference import PLAIN_PATH, Difference, first_difference
from warmprefix.core.explain.evicted import evicted_tokens
from warmprefix.core.explain.evidence import (
    INVITATION,
    Evidence,
    TemplateBreak,
    clipped,
    is_printed,
    left_invitation,
)
from warmprefix.core.explain.hint import Hint, InForce
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.explain.shifted import shifted_tokens
from warmprefix.core.identity.ticking import ticked
from warmprefix.core.identity.tool_interfaces import same_interfaces
from warmprefix.core.identity.transient import without_blocks
from warmprefix.core.identity.volatile import mask
from warmprefix.core.memory.alignment import Change
from warmprefix.core.memory.gap import FREEZE, RESTORE
from warmprefix.core.types import CacheStats, Prompt

Side = Literal["client", "backend", "template", "proxy", "unknown"]

_EDGES = 8  # tokens: an end mark, a trimmed line feed, a checkpoint 4 tokens before the end
_HEAD_TOKENS = 64  # that any two prompts may share: the first words of the template
_OPENING_ROLES = frozenset({"system", "developer", "user"})
_NEAR = 2000  # characters before and behind a change that show what it belongs to


_NOTHING_SET = InForce()


@dataclass(frozen=True, slots=True)
class CacheBreak:
    """One break. `offset`: characters into the text at `path`, where it begins to differ.

    `before` and `after` are excerpts around the change. `tokens_lost`: tokens evaluated that an unbroken
    prompt would have had in the cache, by the backend's own counts; `seconds_lost`: at this turn's own rate.
    Both are None if the backend did not report. `hint`: what to do about it, or why nothing can be done.
    `evicted_tokens`: how many of those that were lost stand in front of the change: the backend had lost them
    anyway. If they are the larger part, that is the cause.
    """

    kind: str
    path: str | None
    offset: int | None
    cause: str
    before: str | None
    after: str | None
    tokens_lost: int | None
    seconds_lost: float | None
    side: Side
    hint: Hint
    evicted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Volatile:
    """A pattern of volatile text, the cause it stands for, and whether a rule may act on it."""

    pattern: re.Pattern[str]
    cause: str
    acts: bool


def explain(
    kind: str,
    before: Prompt,
    sent: int,
    stats_before: CacheStats,
    after: Prompt,
    stats: CacheStats,
    evidence: Evidence,
    volatile: Sequence[Volatile],
    force: InForce = _NOTHING_SET,
    reaches: Reaches | None = None,
) -> CacheBreak | None:
    """The break between two turns of one conversation; None if the cache was used as far as it can be.

    `before` ends in the generated reply, if there was one; the first `sent` of its messages were sent. A reply
    that the client gives back in another form is a break only if it cost something: most templates print most
    replies alike. `force`: what is set already; `reaches`: shared by all that compare prompts.
    """
    lost, reaches = tokens_lost(stats_before, stats), reaches or Reaches()
    if lost == 0:
        return None
    if not evidence.prints_options:
        before = replace(before, template_options=after.template_options)
    found = first_difference(before, after)
    in_reply = found is not None and found.message == sent
    if found is not None and not in_reply and evidence.rendered is not None:
        found = found if is_printed(evidence.rendered) else None
    if found is not None and not (in_reply and (lost or 0) <= _EDGES):
        gone = evicted_tokens(before, after, stats, evidence, force.able.can_shift, reaches)
        broken = _client_break(
            *(kind, found, before, after, lost, stats, evidence, volatile, force, reaches),
            gone=min(gone, lost or 0),
        )
        return _by_larger_part(broken, evidence, stats_before, stats, force)
    if lost is None or lost <= slack(stats_before):
        return None
    cause, side, template = _backend_cause(evidence, stats_before, stats, lost)
    return CacheBreak(
        kind=kind,
        path="rendered prompt" if template else None,
        offset=template.offset if template else None,
        cause=cause,
        before=template.before if template else None,
        after=template.after if template else None,
        tokens_lost=lost,
        seconds_lost=seconds(lost, stats),
        side=side,
        hint=hint_of(Broken(cause, side, lost=lost), force),
    )


def _by_larger_part(
    broken: CacheBreak,
    evidence: Evidence,
    stats_before: CacheStats,
    stats: CacheStats,
    force: InForce,
) -> CacheBreak:
    """The same break, as the backend's if that had lost most of it anyway. A client's question for a summary
    runs in between, so what that has taken away belongs to the compaction."""
    gone, unasked = broken.evicted_tokens, replace(evidence, template=None, rendered=None)
    if 2 * gone <= (broken.tokens_lost or 0):
        return broken
    cause, side, _ = _backend_cause(unasked, stats_before, stats, gone)
    hint = hint_of(Broken(cause, side, lost=gone, is_changed=True), force)
    if broken.cause == "compaction":
        return replace(broken, hint=hint)
    return replace(broken, cause=cause, side=side, hint=hint)


def explain_alike(
    kind: str,
    alike: Alike,
    before: Prompt,
    after: Prompt,
    lost: int,
    stats: CacheStats,
    volatile: Sequence[Volatile],
    force: InForce,
    reaches: Reaches,
) -> CacheBreak:
    """The break of a turn that begins a conversation of its own: where it leaves `before`, one like it."""
    # No rule of ours acts across conversations, so in a new chat nothing is one of their openings.
    return _client_break(
        kind,
        alike.found,
        before,
        after,
        lost,
        stats,
        Evidence(),
        volatile,
        force,
        reaches,
        opens=alike.goes_on,
    )


def tokens_lost(before: CacheStats, after: CacheStats) -> int | None:
    """Tokens that the backend held after the turn before and has now evaluated again.

    It held the prompt and what it generated, without the last token, which is never evaluated
    (llama.cpp server-context.cpp: tokens_cached = prompt + generated - 1); and one token of any
    prompt is always evaluated again.
    """
    if before.prompt_tokens is None or after.prompt_tokens is None or after.cached_tokens is None:
        return None
    held = before.prompt_tokens + max((before.generated_tokens or 0) - 1, 0)
    return max(min(held, after.prompt_tokens - 1) - after.cached_tokens, 0)


def seconds(tokens: int | None, stats: CacheStats) -> float | None:
    """How long these tokens take at the turn's own rate."""
    if tokens is None or not stats.processed_tokens or stats.prompt_ms is None:
        return None
    return round(tokens * stats.prompt_ms / stats.processed_tokens / 1000, 3)


def slack(before: CacheStats) -> int:
    """Tokens whose loss needs no explanation: the edges of a reply are rendered otherwise than they were
    generated (an end mark, a trimmed line feed), and sliding-window models fall back to a checkpoint 4 tokens
    before the end (llama.cpp server-context.cpp:3818)."""
    return max(_EDGES, before.generated_tokens or 0)


def _undone_tokens(
    change: Change, after: Prompt, lost: int | None, stats: CacheStats, reaches: Reaches
) -> int | None:
    """Tokens that would not have been evaluated if the change had been undone: all but those of the new
    messages; None if they cannot be counted."""
    if None in (lost, stats.processed_tokens, stats.prompt_tokens) or change.cure is None:
        return None
    new = sum(map(len, reaches.texts(change.fresh)))
    own = round((stats.prompt_tokens or 0) * new / max(reaches.size(after), 1))
    return max(min(lost or 0, (stats.processed_tokens or 0) - own), 0)


_NO_CHANGE = Change(0, "edit")


def _client_break(
    kind: str,
    found: Difference,
    before: Prompt,
    after: Prompt,
    lost: int | None,
    stats: CacheStats,
    evidence: Evidence,
    volatile: Sequence[Volatile],
    force: InForce,
    reaches: Reaches,
    *,
    gone: int = 0,
    opens: bool = True,
) -> CacheBreak:
    change = evidence.change or _NO_CHANGE
    changed = None if lost is None else lost - gone
    cause, acts = _cause(kind, found, change, after, volatile)
    own, own_cause = _own(found, _role(found, after), force)
    cause = own_cause if own and (cause == "edit" or change.cure is not None) else cause
    side: Side = "client"
    if evidence.received is not None and first_difference(before, evidence.received) is None:
        cause, side = "restored", "proxy"  # what the client sent goes on from the turn before
    broken = Broken(
        cause,
        side,
        near="\n".join(_near(text, found.offset) for text in (found.before, found.after) if text),
        is_volatile=change.cure == FREEZE or (cause != found.cause and cause in VOLATILE),
        acts=acts or change.cure is not None,
        is_opening=change.cure == FREEZE or (opens and _is_opening(found, after)),
        is_block=found.is_block or change.cure == RESTORE,
        is_description=_is_description(found, before, after),
        lost=changed,
        undone=_undone_tokens(change, after, changed, stats, reaches),
        shifted=shifted_tokens(_texts(evidence), before, after, stats, REUSE_TOKENS, reaches),
        own=own,
    )
    return CacheBreak(
        kind=kind,
        path=found.path,
        offset=found.offset,
        cause=cause,
        before=clipped(found.before, found.offset),
        after=clipped(found.after, found.offset),
        tokens_lost=lost,
        seconds_lost=seconds(lost, stats),
        side=side,
        hint=hint_of(broken, force),
        evicted_tokens=gone,
    )


def _cause(
    kind: str, found: Difference, change: Change, after: Prompt, volatile: Sequence[Volatile]
) -> tuple[str, bool]:
    """Why a client's prompts differ, and whether a rule acts on what does."""
    cause, acts = found.cause, True
    if cause == "edit" and found.before is not None and found.after is not None:
        cause, acts = _volatile_cause(found, volatile, _role(found, after))
    if change.cure is not None or cause == "edit":
        cause = change.cause
    if kind == "compaction" and cause == "edit":
        cause = "compaction"
    return cause, acts and found.path != PLAIN_PATH


def _texts(evidence: Evidence) -> tuple[str, str] | None:
    """What the slot held and what was asked, as rendered."""
    if evidence.rendered is None:
        return None
    before, after = evidence.rendered
    return evidence.held or before, after


def _near(text: str, offset: int) -> str:
    return text[max(offset - _NEAR, 0) : offset + _NEAR]


def _is_opening(found: Difference, after: Prompt) -> bool:
    """Whether what differs stands before the first reply."""
    roles = [message.role for message in after.messages]
    end = roles.index("assistant") if "assistant" in roles else len(roles)
    return found.message is not None and found.message < end


def _is_description(found: Difference, before: Prompt, after: Prompt) -> bool:
    """Whether tools differ in nothing but descriptions."""
    is_one = found.path.endswith(".description")
    return is_one and same_interfaces(before.tools or (), after.tools or ())


def _role(found: Difference, after: Prompt) -> str | None:
    """Who says what differs; None if it is no message, or one that is gone."""
    at = found.message
    return after.messages[at].role if at is not None and at < len(after.messages) else None


def _own(found: Difference, role: str | None, force: InForce) -> tuple[str, str]:
    """The name under which the user's settings know all that differs, empty if they do not; and what that is
    called as a cause."""
    old, new = found.before, found.after
    if role not in _OPENING_ROLES or old is None or new is None:
        return "", ""
    for text in force.texts:
        if mask(old, (text.pattern,)) == mask(new, (text.pattern,)):
            return text.name, "own-text"
    for one in force.blocks if role == "user" else ():
        rest, left = (without_blocks(text, (one.block,)) for text in (old, new))
        if rest.split() == left.split():
            return one.name, "transient-block"
    return "", ""


def _volatile_cause(
    found: Difference, volatile: Sequence[Volatile], role: str | None
) -> tuple[str, bool]:
    """The kind of volatile text in which the change lies, if the texts around it are the same; and whether a
    rule acts on it: on what is known, and on what shows by itself that it ticks."""
    before, after = found.before or "", found.after or ""
    offset = found.offset or 0
    seen: str | None = None
    for row in volatile:
        old, new = _span_at(row.pattern, before, offset), _span_at(row.pattern, after, offset)
        if old is not None and new is not None and before[: old[0]] == after[: new[0]]:
            if row.acts:
                return row.cause, True
            seen = seen or row.cause
    if role in _OPENING_ROLES:
        tick = ticked(before, after, is_user=role == "user")
        if tick is not None:
            return seen or tick.cause, True
    return seen or "edit", seen is None


def _span_at(pattern: re.Pattern[str], text: str, offset: int) -> tuple[int, int] | None:
    """The match that covers `offset`. Only text near it is searched: patterns are bounded, texts are not."""
    start = max(text.rfind("\n", 0, max(offset - 200, 0)) + 1, offset - 1000, 0)
    for found in pattern.finditer(text, start, offset + 1000):
        if found.start() <= offset <= found.end():
            return found.span()
        if found.start() > offset:
            break
    return None


def _backend_cause(
    evidence: Evidence, before: CacheStats, stats: CacheStats, lost: int
) -> tuple[str, Side, TemplateBreak | None]:
    """Why the backend did not reuse the earlier prompt although this one goes on from it."""
    if not evidence.cache_prompt:
        return "no-cache", "client", None
    if evidence.has_moved:
        return "other-backend", "backend", None
    if evidence.is_read_back:
        return "not-held", "backend", None
    if evidence.model_before != evidence.model_after:
        return "model-switch", "backend", None
    if evidence.restarted:
        return "restarted", "backend", None
    is_less = (stats.cached_tokens or 0) + _EDGES < (evidence.expected or 0)
    if evidence.others and is_less:
        return "slot-restore" if evidence.was_restored else "slot-choice", "proxy", None
    if evidence.template is not None:
        return evidence.template.cause, "template", evidence.template
    if evidence.rendered is not None and lost <= (before.generated_tokens or 0) + INVITATION:
        left = left_invitation(*evidence.rendered)
        if left is not None:
            return left.cause, "template", left
    if evidence.others:
        return "evicted", "backend", None
    # Nothing else ran, the text goes on, and a part was reused: then the model cannot cut its cache at any
    # token (sliding window, recurrent), and fell back to an earlier checkpoint. If nothing was cut, and all
    # prompts begin with that part, somebody may have asked the backend beside us.
    held, cached = (
        (before.prompt_tokens or 0) + (before.generated_tokens or 0),
        stats.cached_tokens or 0,
    )
    is_cut = (stats.prompt_tokens or held) + _EDGES < held
    if cached > _HEAD_TOKENS or (cached and is_cut):
        return "checkpoint", "backend", None
    return "unknown", "unknown", None
