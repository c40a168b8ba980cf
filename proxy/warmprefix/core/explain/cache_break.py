"""Where a prompt leaves the one before, why, what that cost, and what would have prevented it.

Pure: takes two prompts, the counts of two turns, and what is known of the backend; returns one `CacheBreak`.
Nothing is guessed: a cause is named only if the texts or the backend show it, otherwise it is "unknown".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from warmprefix.core.explain.difference import Difference, first_difference
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.types import CacheStats, Prompt

Side = Literal["client", "backend", "template", "unknown"]

_INVITATION = 64  # longest seen: an assistant header with an opened and closed think block
_EDGES = 8  # tokens: an end mark, a trimmed line feed, a checkpoint 4 tokens before the end
_CLIP = 60  # characters on each side of a change: enough to see where it is


@dataclass(frozen=True, slots=True)
class CacheBreak:
    """One break. `offset`: characters into the text at `path`, where it begins to differ.

    `before` and `after` are excerpts around the change. `tokens_lost`: tokens evaluated that an unbroken
    prompt would have had in the cache, by the backend's own counts; `seconds_lost`: at this turn's own rate.
    Both are None if the backend did not report. `hint`: what to do about it.
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
    hint: str


@dataclass(frozen=True, slots=True)
class Volatile:
    """A pattern of volatile text, the cause it stands for, and whether a rule may act on it."""

    pattern: re.Pattern[str]
    cause: str
    acts: bool


@dataclass(frozen=True, slots=True)
class TemplateBreak:
    """The rendered prompts differ at `offset` although the messages only went on; excerpts of both."""

    offset: int
    before: str
    after: str
    cause: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the backend between the two turns. `others`: turns of other conversations that it served
    in between; `template`: where its rendering of the same messages changed (it was asked afterwards);
    `has_moved`: another backend answered the turn before."""

    restarted: bool = False
    model_before: str | None = None
    model_after: str | None = None
    cache_prompt: bool = True
    others: int = 0
    template: "TemplateBreak | None" = None
    has_moved: bool = False


_HINTS: Mapping[str, str] = {
    "clock": 'canonicalize.enable = ["freeze-volatile"]   # or "move-volatile": into the newest turn',
    "date": 'canonicalize.enable = ["freeze-volatile"]   # keeps the date first seen in a conversation',
    "counter": 'canonicalize.enable = ["freeze-volatile"]   # keeps the count first seen',
    "id": 'canonicalize.enable = ["freeze-volatile"]   # keeps the id first seen',
    "whitespace": 'memory.store = "sqlite"   # the ledger puts the edges back as they were generated',
    "arguments": 'memory.store = "sqlite"   # the ledger puts the generated arguments back',
    "reasoning": 'memory.restore_reasoning = "always"   # puts back what the client dropped',
    "transient-block": 'canonicalize.enable = ["restore-transient-blocks"]',
    "tool-order": 'memory.store = "sqlite"   # the ledger keeps the first-seen order',
    "tool-schema": "client: keep tool definitions the same during a conversation",
    "tool-set": "client: offer the same tools during a conversation; add new ones at the end",
    "template-option": "client: keep template options the same during a conversation",
    "edit": "nothing: the history was changed on purpose",
    "compaction": "client: compact the history less often; each time, what follows the cut is read again",
    "evicted": "llama-server: more slots (--parallel) or a larger --cache-ram",
    "restarted": "llama-server: with --slot-save-path, caches outlive a restart or a nap",
    "checkpoint": "llama-server: --swa-full, or more --ctx-checkpoints",
    "other-backend": "nothing: backend_reason in the log says why the conversation moved",
    "model-switch": "Lemonade: raise max_loaded_models, or always use one model name",
    "no-cache": "client: leave out cache_prompt: false",
    "unknown": "warmprefix doctor   # what the backend can keep and what it cannot",
}

_CALL_IDS_HINT = 'memory.store = "sqlite"   # the ledger puts the generated ids back'
_TEMPLATE_HINT = (
    "nothing: the chat template rewrites its own history when a new user message arrives"
)


def hint_of(cause: str, *, acts: bool = True) -> str:
    """What to do about a cause. `acts`: a rule can act on this text; if not, only the client can help."""
    if not acts and cause in ("clock", "date", "counter", "id"):
        return "client: move the text that changes behind the history; no rule knows it"
    return _HINTS[cause]


def explain(
    kind: str,
    before: Prompt,
    sent: int,
    stats_before: CacheStats,
    after: Prompt,
    stats: CacheStats,
    evidence: Evidence,
    volatile: Sequence[Volatile],
) -> CacheBreak | None:
    """The break between two turns of one conversation; None if the cache was used as far as it can be.

    `before` ends in the generated reply, if there was one; the first `sent` of its messages were sent. A reply
    that the client gives back in another form is a break only if it cost something: most templates print most
    replies alike.
    """
    lost = tokens_lost(stats_before, stats)
    found = first_difference(before, after)
    in_reply = found is not None and found.message == sent
    if found is not None and not (in_reply and (lost or 0) <= _EDGES):
        return _client_break(kind, found, lost, stats, volatile)
    if lost is None or lost <= slack(stats_before):
        return None
    cause, side = _backend_cause(evidence, stats)
    template = evidence.template if side == "template" else None
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
        hint=_TEMPLATE_HINT if template else hint_of(cause),
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


def _client_break(
    kind: str,
    found: Difference,
    lost: int | None,
    stats: CacheStats,
    volatile: Sequence[Volatile],
) -> CacheBreak:
    cause, acts = found.cause, True
    if cause == "edit" and found.before is not None and found.after is not None:
        cause, acts = _volatile_cause(found, volatile)
    if kind == "compaction" and cause == "edit":
        cause = "compaction"
    return CacheBreak(
        kind=kind,
        path=found.path,
        offset=found.offset,
        cause=cause,
        before=_clipped(found.before, found.offset),
        after=_clipped(found.after, found.offset),
        tokens_lost=lost,
        seconds_lost=seconds(lost, stats),
        side="client",
        hint=_CALL_IDS_HINT
        if cause == "id" and found.path.endswith("id")
        else hint_of(cause, acts=acts),
    )


def _volatile_cause(found: Difference, volatile: Sequence[Volatile]) -> tuple[str, bool]:
    """The kind of volatile text in which the change lies, if the texts around it are the same."""
    before, after = found.before or "", found.after or ""
    offset = found.offset or 0
    for row in volatile:
        old, new = _span_at(row.pattern, before, offset), _span_at(row.pattern, after, offset)
        if old is not None and new is not None and before[: old[0]] == after[: new[0]]:
            return row.cause, row.acts
    return "edit", True


def _span_at(pattern: re.Pattern[str], text: str, offset: int) -> tuple[int, int] | None:
    """The match that covers `offset`. Only text near it is searched: patterns are bounded, texts are not."""
    start = max(text.rfind("\n", 0, max(offset - 200, 0)) + 1, offset - 1000, 0)
    for found in pattern.finditer(text, start, offset + 1000):
        if found.start() <= offset <= found.end():
            return found.span()
        if found.start() > offset:
            break
    return None


def _backend_cause(evidence: Evidence, stats: CacheStats) -> tuple[str, Side]:
    """Why the backend did not reuse the earlier prompt although this one goes on from it."""
    if not evidence.cache_prompt:
        return "no-cache", "client"
    if evidence.has_moved:
        return "other-backend", "backend"
    if evidence.model_before != evidence.model_after:
        return "model-switch", "backend"
    if evidence.restarted:
        return "restarted", "backend"
    if evidence.template is not None:
        return evidence.template.cause, "template"
    if evidence.others:
        return "evicted", "backend"
    # Nothing else ran, the text goes on, and a part was reused: then the model cannot cut its cache at any
    # token (sliding window, recurrent), and fell back to an earlier checkpoint.
    return ("checkpoint", "backend") if stats.cached_tokens else ("unknown", "unknown")


def template_break(before: str, after: str, reasoning: Sequence[str]) -> TemplateBreak | None:
    """Where the rendering of a prompt leaves that of the turn before; None if one goes on from the other.

    `reasoning`: the reasoning in the messages, to see whether it is the cause. The last characters of the
    earlier rendering are the template's invitation to reply, which the history need not repeat.
    """
    at = shared_characters(before, after)
    if min(len(before), len(after)) - at <= _INVITATION:
        return None
    gone = before[at:]
    cause = (
        "reasoning"
        if any(text.strip() and text.strip() in gone for text in reasoning)
        else "unknown"
    )
    return TemplateBreak(at, _clipped(before, at) or "", _clipped(after, at) or "", cause)


def _clipped(text: str | None, offset: int | None) -> str | None:
    """The text around the change, with `…` at each end where it is cut."""
    if text is None:
        return None
    at = offset or 0
    start, end = max(at - _CLIP, 0), at + _CLIP
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
