"""The turn log: one JSON line for each turn, on a stream and, if configured, in a rotating file.

`TurnLog.write` may be called from the event loop: it never waits for standard output or the disk. Each has a
queue and a thread of its own (lines.py), so that one that takes nothing costs the other no line. Others decide
what a record says; here it gets its order and its bytes.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import orjson

from warmprefix.core.errors import ConfigError
from warmprefix.log.lines import LineWriter, close_all, not_written
from warmprefix.log.sinks import RotatingFile, Sink, stream_sink

logger = logging.getLogger(__name__)

FIELDS: tuple[str, ...] = (
    "time",
    "turn",
    "conversation",
    "index",
    "parent",
    "client",
    "endpoint",
    "model",
    "title",
    "stream",
    "status",
    "outcome",
    "kind",
    "prompt_tokens",
    "cached_tokens",
    "processed_tokens",
    "generated_tokens",
    "prewarmed_tokens",
    "direct_tokens",
    "kept_tokens",
    "kept_estimated",
    "put_back_tokens",
    "cache_ratio",
    "prefix_messages",
    "prefix_characters",
    "prompt_characters",
    "break",
    "rules",
    "restored",
    "backend",
    "backend_reason",
    "slot",
    "slot_reason",
    "ttft_ms",
    "prompt_ms",
    "direct_ms",
    "generate_ms",
    "total_ms",
    "proxy_ms",
    "would_save",
    "failed_open",
    "progress",
)
"""The fields of a line, in order; all are always present. Source: docs/design.md, Interfaces."""

MAX_WAITING_BYTES = 4 << 20
"""Lines that may wait for standard output or the disk: thousands, which are hours of one person's turns."""

_OUTPUT = "standard output"

CLOSE_S = 2.0
"""How long `close` waits for a stream that takes nothing, for example a pipe nobody reads."""


class TurnLog:
    """Writes records as JSON lines. `dropped`: lines for which a queue was full or the log closed.

    `failed`: lines that a stream or file did not take; the next ones are tried again. The operator's log says
    when that begins and ends.
    """

    def __init__(
        self,
        stream: IO[str] | IO[bytes] | None,
        file: Path | None = None,
        *,
        max_bytes: int = 10485760,
        backups: int = 5,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """Opens the file at once: an unusable one is a ConfigError before the first turn."""
        self._room = max_waiting_bytes
        self._file: RotatingFile | None = None
        self._writers: dict[str, LineWriter] = {}
        self._ended: list[LineWriter] = []
        if file:
            self._open(file, max_bytes, backups)
        if stream:
            self._writers[_OUTPUT] = writer_of(_OUTPUT, stream_sink(stream), max_waiting_bytes)

    @property
    def dropped(self) -> int:
        """Dropped lines, summed over all sinks."""
        return sum(writer.dropped for writer in self._all())

    @property
    def failed(self) -> int:
        """Lines that were not taken."""
        return sum(writer.failed for writer in self._all())

    def write(self, record: Mapping[str, object]) -> None:
        """Queues one record; never waits, and never raises because of its content."""
        line = line_of(record)
        for writer in self._writers.values():
            writer.put(line)

    def reopen(self, file: Path | None, *, max_bytes: int, backups: int) -> None:
        """Open the file anew, for whoever has moved it, or open another one. Raises ConfigError if that one
        cannot be used; then all stays as it is."""
        before = self._file
        if before is not None and before.path == file:
            before.limits = max_bytes, backups
            self._writers[str(file)].put_unmade(before.reopened, 0)
            return
        self._file = None
        if file:
            try:
                self._open(file, max_bytes, backups)
            except ConfigError:
                self._file = before
                raise
        if before is not None:
            ended = self._writers.pop(str(before.path))
            ended.end()
            self._ended.append(ended)

    def _open(self, file: Path, max_bytes: int, backups: int) -> None:
        self._file = RotatingFile(file, max_bytes, backups)
        self._writers[str(file)] = writer_of(str(file), self._file, self._room)

    def _all(self) -> tuple[LineWriter, ...]:
        """The writers, with those of files that get no more lines."""
        return (*self._writers.values(), *self._ended)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Writes what is queued, for `timeout_s` at most, and ends the threads. May be called twice."""
        close_all(self._all(), timeout_s)
        for name, writer in self._writers.items():
            if lines := writer.lost + writer.waiting:
                logger.warning("the turn log ends: %s; %s", name, not_written(lines))


def writer_of(name: str, sink: Sink, max_waiting_bytes: int) -> LineWriter:
    """The writer of the turn log to one sink."""

    def began(why: str) -> None:
        logger.warning("the turn log cannot be written: %s: %s; requests go on", name, why)

    def ended(lines: int) -> None:
        logger.warning("the turn log is written again: %s; %s", name, not_written(lines))

    return LineWriter(
        sink,
        name=f"turn log: {name}",
        max_waiting_bytes=max_waiting_bytes,
        began=began,
        ended=ended,
    )


def line_of(record: Mapping[str, object]) -> bytes:
    """The record as one JSON line with exactly the FIELDS; missing ones are null."""
    ordered = {name: record.get(name) for name in FIELDS}
    try:
        return orjson.dumps(ordered, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # lone surrogates and very long integers, which the standard library writes
        return json.dumps(ordered, default=str).encode("ascii") + b"\n"
