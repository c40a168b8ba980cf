"""The operator's log: what the proxy says to the person who runs it, a line with time and level on
standard error.

Every module says it through the standard library's `logging`, under its own name; none writes to standard error
itself, as that waits for the reader. Here the messages get their format and their thread.

Only `serve` opens it. Another command leaves messages to `logging` itself, which shows warnings and errors
without time; a slow terminal delays nobody there.

Levels: an error is a mistake of ours; a warning says that something is wrong but requests go on; an info says
what the proxy does; debug is too much for every day. Other libraries show only warnings and errors.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from warmprefix.log.lines import LineWriter, not_written
from warmprefix.log.sinks import stream_sink

MAX_WAITING_BYTES = 1 << 20
"""Room for some thousand messages, or hundreds with a traceback, while nobody reads."""

CLOSE_S = 1.0
"""How long shutdown waits for a standard error that takes nothing."""

logger = logging.getLogger(__name__)


class OperatorFormatter(logging.Formatter):
    """`2026-11-26T17:00:00Z WARNING warmprefix: text`, and a traceback in the lines below."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """The first line. All our modules have one name for the operator; other libraries keep theirs."""
        package, _, _ = __name__.partition(".")
        is_ours = record.name.partition(".")[0] == package
        name = package if is_ours else record.name
        return f"{self.formatTime(record)} {record.levelname} {name}: {record.message}"


class LineHandler(logging.Handler):
    """Hands each message to a thread that writes it. Never waits."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self.setFormatter(OperatorFormatter())
        self.writer = LineWriter(
            stream_sink(stream),
            name="operator log",
            max_waiting_bytes=MAX_WAITING_BYTES,
            ended=self.report_lost,
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Queues the message; one that cannot be formatted is queued as it is."""
        try:
            text = self.format(record)
        except Exception:
            # The library's own way out writes to standard error, which may be blocked.
            text = f"{record.levelname} {record.name}: {record.msg!r}"
        self.writer.put(f"{text}\n".encode(errors="backslashreplace"))

    def report_lost(self, lines: int) -> None:
        """The stream takes messages again. Reported at every level, as errors may have been lost."""
        text = f"standard error is written again; {not_written(lines)}"
        self.emit(logger.makeRecord(logger.name, logging.WARNING, __file__, 0, text, (), None))


@contextmanager
def operator_log(level: str, stream: IO[str] | None) -> Iterator[None]:
    """For its duration, messages of this level and above go to the stream, if there is one; so does what Python
    itself would write to standard error."""
    root, ours = logging.getLogger(), logging.getLogger(__name__.partition(".")[0])
    levels = root.level, ours.level
    hooks = sys.unraisablehook, threading.excepthook
    handler = LineHandler(stream) if stream else logging.NullHandler()
    set_level(level)
    root.addHandler(handler)
    sys.unraisablehook, threading.excepthook = report_unraisable, report_thread
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        sys.unraisablehook, threading.excepthook = hooks
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        if isinstance(handler, LineHandler):
            handler.writer.close(CLOSE_S)


def set_level(level: str) -> None:
    """Messages of this level and above are shown; of other libraries warnings and errors at least."""
    root, ours = logging.getLogger(), logging.getLogger(__name__.partition(".")[0])
    ours.setLevel(level.upper())
    root.setLevel(max(ours.level, logging.WARNING))


def report_unraisable(error: "sys.UnraisableHookArgs") -> None:
    """Log an error in a finalizer, which nothing can catch."""
    logger.error(
        "%s: %r", error.err_msg or "ignored an error in", error.object, exc_info=error.exc_value
    )


def report_thread(error: threading.ExceptHookArgs) -> None:
    """Log an error that ended a thread."""
    if error.exc_type is not SystemExit:
        name = error.thread.name if error.thread else "unknown"
        logger.error("thread %s failed", name, exc_info=error.exc_value)
