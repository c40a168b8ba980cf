"""One turn: a request with its reply, and the line it leaves in the log."""

from dataclasses import dataclass

from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.direct import Kept
from warmprefix.core.explain.prefix import Prefix
from warmprefix.core.explain.saving import WouldSave
from warmprefix.core.memory.ledger import Place
from warmprefix.core.types import CacheStats, Kind, Outcome, Progress


@dataclass(frozen=True, slots=True)
class Times:
    """Moments and durations of a turn. `started_s`: Unix time. `first_ms`: from the arrival of the
    request to the first generated text; None if nothing was generated or nothing was streamed."""

    started_s: float
    total_ms: float
    proxy_ms: float
    first_ms: float | None


Reading = tuple[int | None, float | None]
"""Tokens and milliseconds of reading a prompt; None if that is not known."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is known of a turn when it has ended. `kind`: how it relates to its conversation, of which a side
    request is no part. It, `place` and `prefix` are None if the body was not understood; `prefix` also if there
    is no earlier turn to compare with. `would_save` is set if the proxy only observes.
    `session`: the client's explicit session id. `prewarmed_tokens`: those evaluated for its prompt before it
    came. `kept`: compared with the same request without us; `direct_ms`: reading the prompt would have taken so
    long then. `put_back_tokens`: those of the prompt that its client did not send. `title`: the first words of
    its conversation. `failed_open`: which of our parts failed. `progress`: how far the
    prompt was read, by the latest report."""

    id: str
    client: str
    endpoint: str
    model: str | None
    stream: bool
    status: int | None
    outcome: Outcome
    kind: Kind | None
    place: Place | None
    prefix: Prefix | None
    prompt_characters: int | None
    rules: tuple[str, ...]
    restored: tuple[str, ...]
    stats: CacheStats
    times: Times
    error: str | None = None
    cache_break: CacheBreak | None = None
    slot: int | None = None
    slot_reason: str | None = None
    backend: str | None = None
    backend_reason: str | None = None
    would_save: WouldSave | None = None
    session: str | None = None
    sent_messages: int | None = None
    prewarmed_tokens: int | None = None
    kept: Kept | None = None
    direct_ms: float | None = None
    put_back_tokens: int | None = None
    title: str | None = None
    failed_open: tuple[str, ...] = ()
    progress: Progress | None = None
