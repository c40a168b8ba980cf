"""One captured turn as a JSON line: what came from the client and what the backend answered.

Bodies are stored as text, byte for byte. Of the headers only those named here are stored, so no credential
is ever written.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from warmprefix.config.checks import quoted
from warmprefix.core.types import CacheStats
from warmprefix.profiles import PROFILES, generic
from warmprefix.profiles.base import known_headers

KEPT_HEADERS = frozenset({
    "user-agent",
    "content-type",
    *(name for profile in (*PROFILES, generic.PROFILE) for name in known_headers(profile)),
})  # fmt: skip
"""Headers that say which client, which of its sessions and which sub-agent sent a request, and what for."""

_COUNTS = tuple(field.name for field in fields(CacheStats) if field.name != "source")


class BadLine(ValueError):
    """The line is not a captured turn; the message says why."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One turn. `as_received`: the request went to the backend exactly as it is here.

    `response` is what the backend sent, as far as it arrived; `stats` are the backend's own counts. `total_ms`,
    `first_ms`: how long the client waited for the end, and for the first generated text of a stream; None in
    files of an earlier version.
    """

    time: str
    turn: str
    path: str
    headers: Mapping[str, str]
    status: int | None
    outcome: str
    as_received: bool
    stats: CacheStats
    request: bytes
    response: bytes
    total_ms: float | None = None
    first_ms: float | None = None

    @property
    def unix_s(self) -> float:
        """When the request arrived, as Unix time."""
        return datetime.fromisoformat(self.time).timestamp()


def line_of(turn: Captured) -> bytes:
    """The turn as one line of ASCII."""
    stats = asdict(turn.stats)
    value = {
        "time": turn.time,
        "turn": turn.turn,
        "path": turn.path,
        "headers": dict(turn.headers),
        "status": turn.status,
        "outcome": turn.outcome,
        "as_received": turn.as_received,
        "stats": {name: stats[name] for name in _COUNTS},
        "total_ms": turn.total_ms,
        "first_ms": turn.first_ms,
        "request": _text(turn.request),
        "response": _text(turn.response),
    }
    return json.dumps(value).encode("ascii") + b"\n"


def turn_of(line: bytes) -> Captured:
    """The turn in a line. Raises BadLine."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("not JSON; was the end cut off?") from None
    if not isinstance(value, dict):
        raise BadLine("not a JSON object")
    for name in ("time", "request", "response"):
        if not isinstance(value.get(name), str):
            raise BadLine(f'no text "{name}"; is this a capture of warmprefix serve --capture?')
    found = Captured(
        time=value["time"],
        turn=str(value.get("turn")),
        path=str(value.get("path")),
        headers=_headers(value.get("headers")),
        status=_count(value.get("status")),
        outcome=str(value.get("outcome")),
        as_received=value.get("as_received") is True,
        stats=_stats(value.get("stats")),
        request=_bytes(value["request"]),
        response=_bytes(value["response"]),
        total_ms=_number(value.get("total_ms")),
        first_ms=_number(value.get("first_ms")),
    )
    try:
        _ = found.unix_s
    except ValueError:
        raise BadLine(f"time is no ISO 8601 time, but {quoted(found.time)}") from None
    return found


def _headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _stats(value: object) -> CacheStats:
    if not isinstance(value, dict):
        return CacheStats()
    return CacheStats(
        prompt_tokens=_count(value.get("prompt_tokens")),
        cached_tokens=_count(value.get("cached_tokens")),
        processed_tokens=_count(value.get("processed_tokens")),
        generated_tokens=_count(value.get("generated_tokens")),
        prompt_ms=_number(value.get("prompt_ms")),
        generate_ms=_number(value.get("generate_ms")),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, int | float) else None


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
