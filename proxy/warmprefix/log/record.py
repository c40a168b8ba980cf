"""A turn as a log record: the fields of docs/reference.md, ready for JSON."""

from dataclasses import asdict
from datetime import UTC, datetime

from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.saving import WouldSave
from warmprefix.core.reading import Running
from warmprefix.core.turn import Turn
from warmprefix.core.types import CacheStats, Progress
from warmprefix.log.writer import FIELDS

Record = dict[str, object]


def records_of(turn: Turn, *, excerpts: bool = False) -> tuple[Record, Record]:
    """The record of one turn, and the details that the log leaves out; `excerpts`: as in `record_of`."""
    return record_of(turn, excerpts=excerpts), {
        "error": turn.error,
        "session": turn.session,
        "sent_messages": turn.sent_messages,
    }


def record_of(turn: Turn, *, excerpts: bool = False) -> Record:
    """The record of one turn. What was not reported or does not apply is None.

    `excerpts`: whether text of the prompt around a break may be shown.
    """
    place, kind, prefix, stats, times = turn.place, turn.kind, turn.prefix, turn.stats, turn.times
    return {
        "time": iso(times.started_s),
        "turn": turn.id,
        "conversation": place.conversation if place else None,
        "index": place.index if place else None,
        "parent": place.parent if place else None,
        "client": turn.client,
        "endpoint": turn.endpoint,
        "model": turn.model,
        "title": turn.title if excerpts else None,
        "stream": turn.stream,
        "status": turn.status,
        "outcome": turn.outcome.value,
        "kind": kind.value if kind else None,
        "prompt_tokens": stats.prompt_tokens,
        "cached_tokens": stats.cached_tokens,
        "processed_tokens": stats.processed_tokens,
        "generated_tokens": stats.generated_tokens,
        "prewarmed_tokens": turn.prewarmed_tokens,
        "direct_tokens": turn.kept.direct_tokens if turn.kept else None,
        "kept_tokens": turn.kept.tokens if turn.kept else None,
        "kept_estimated": turn.kept.is_estimated if turn.kept else None,
        "put_back_tokens": turn.put_back_tokens,
        "cache_ratio": cache_ratio(stats),
        "prefix_messages": prefix.messages if prefix else None,
        "prefix_characters": prefix.characters if prefix else None,
        "prompt_characters": turn.prompt_characters,
        "break": _break(turn.cache_break, excerpts),
        "rules": list(turn.rules),
        "restored": list(turn.restored),
        "backend": turn.backend,
        "backend_reason": turn.backend_reason,
        "slot": turn.slot,
        "slot_reason": turn.slot_reason,
        "ttft_ms": _round(times.first_ms),
        "prompt_ms": _round(stats.prompt_ms),
        "direct_ms": _round(turn.direct_ms),
        "generate_ms": _round(stats.generate_ms),
        "total_ms": _round(times.total_ms),
        "proxy_ms": _round(times.proxy_ms),
        "would_save": _would_save(turn.would_save),
        "failed_open": list(turn.failed_open) or None,
        "progress": progress_of(turn.progress),
    }


def bare_record_of(turn: Turn) -> Record:
    """The reduced record of a turn whose full record cannot be made."""
    return dict.fromkeys(FIELDS) | {
        "turn": turn.id,
        "endpoint": turn.endpoint,
        "outcome": turn.outcome.value,
        "failed_open": list(turn.failed_open) or None,
    }


def _break(found: CacheBreak | None, excerpts: bool) -> Record | None:
    if found is None:
        return None
    record = asdict(found)
    if not excerpts:
        record["before"] = record["after"] = None
    return record


def _would_save(saving: WouldSave | None) -> Record | None:
    if saving is None:
        return None
    return {
        "tokens": saving.tokens,
        "estimated": saving.estimated,
        "rules": list(saving.rules),
        "restored": list(saving.restored),
    }


def running_record(running: Running, *, excerpts: bool = False) -> Record:
    """A request that is not answered yet; `excerpts`: as in `record_of`."""
    progress = running.progress
    rest_s = None if progress is None else progress.rest_s
    return {
        "time": iso(running.started_s),
        "turn": running.turn,
        "conversation": running.conversation,
        "client": running.client,
        "endpoint": running.endpoint,
        "model": running.model,
        "title": running.title if excerpts else None,
        "backend": running.backend,
        "state": running.state,
        "elapsed_ms": _round(running.elapsed_s * 1000),
        "estimated_tokens": running.estimated_tokens,
        "progress": progress_of(progress),
        "rest_ms": None if rest_s is None else _round(rest_s * 1000),
    }


def progress_of(progress: Progress | None) -> Record | None:
    """How far a prompt was read."""
    if progress is None:
        return None
    return {
        "prompt_tokens": progress.prompt_tokens,
        "cached_tokens": progress.cached_tokens,
        "processed_tokens": progress.processed_tokens,
        "prompt_ms": _round(progress.prompt_ms),
    }


def iso(seconds: float) -> str:
    """Unix time as ISO 8601, in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cache_ratio(stats: CacheStats) -> float | None:
    """Cached share of the prompt, 0 to 1; None if either count was not reported."""
    if stats.cached_tokens is None or not stats.prompt_tokens:
        return None
    return round(stats.cached_tokens / stats.prompt_tokens, 4)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
