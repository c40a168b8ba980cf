"""Errors as answers: one table that gives each error a status, a type and advice for the user."""

from warmprefix.backends.base import Headers
from warmprefix.core.errors import BackendError, Disconnected, TimedOut, Unreachable, Untrusted
from warmprefix.core.types import Outcome
from warmprefix.dialects import answering
from warmprefix.server.asgi import BeforeEnd, Send, answer

_JSON: Headers = [(b"content-type", b"application/json; charset=utf-8")]

_TABLE: tuple[tuple[type[BackendError], int, str, Outcome, str], ...] = (
    (
        Untrusted,
        502,
        "backend_untrusted",
        Outcome.BACKEND_UNREACHABLE,
        "Name the certificate of who signed it in backend.ca_file.",
    ),
    (
        Unreachable,
        502,
        "backend_unreachable",
        Outcome.BACKEND_UNREACHABLE,
        "Is it running? Start it, or name another with --backend URL.",
    ),
    (
        TimedOut,
        504,
        "backend_timeout",
        Outcome.BACKEND_TIMEOUT,
        "Raise backend.first_byte_timeout_s, or set it to 0 for no limit.",
    ),
    (
        Disconnected,
        502,
        "backend_disconnected",
        Outcome.BACKEND_DISCONNECTED,
        "Its log says why; it may have crashed, or be out of memory.",
    ),
    (BackendError, 502, "backend_error", Outcome.BACKEND_ERROR, "Its log may say why."),
)
"""An error takes the first row whose class it is an instance of; the last row fits all."""


def outcome_of(error: BackendError) -> Outcome:
    """The outcome of a turn with this error."""
    return _row(error)[3]


def _row(error: BackendError) -> tuple[type[BackendError], int, str, Outcome, str]:
    return next(row for row in _TABLE if isinstance(error, row[0]))


async def answer_problem(
    send: Send,
    path: str,
    status: int,
    kind: str,
    message: str,
    more: Headers | None = None,
    before_end: BeforeEnd | None = None,
) -> None:
    """Send an error of our own, in the shape of the endpoint at `path`, before anything else was sent.

    `more`: other headers of the answer; `before_end`: as of `answer`.
    """
    body = answering(path).error(status, kind, message)
    await answer(send, status, [*_JSON, *(more or ())], body, before_end)


async def answer_backend_error(send: Send, path: str, error: BackendError) -> int:
    """Answer for a backend that did not; returns the status."""
    _, status, kind, _, advice = _row(error)
    await answer_problem(send, path, status, kind, f"warmprefix: {error}. {advice}")
    return status


def backend_error_event(path: str, error: BackendError) -> bytes:
    """The same as an event, for a client whose stream has begun."""
    _, status, kind, _, advice = _row(error)
    dialect = answering(path)
    body = dialect.error(status, kind, f"warmprefix: {error}. {advice}")
    return dialect.error_event(status, body)
