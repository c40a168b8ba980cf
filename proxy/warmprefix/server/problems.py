"""Errors as answers: one table that gives each error a status, a type and advice for the user."""

from warmprefix.backends.base import Headers
from warmprefix.core.errors import BackendError, Disconnected, TimedOut, Unreachable
from warmprefix.core.types import Outcome
from warmprefix.dialects import DIALECTS
from warmprefix.dialects.base import Dialect
from warmprefix.server.asgi import Send, answer

_JSON: Headers = [(b"content-type", b"application/json; charset=utf-8")]

_TABLE: tuple[tuple[type[BackendError], int, str, Outcome, str], ...] = (
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
    send: Send, status: int, kind: str, message: str, dialect: Dialect = DIALECTS[0]
) -> None:
    """Send an error of our own, in the form of the endpoint, before anything else was sent."""
    await answer(send, status, _JSON, dialect.error(status, kind, message))


async def answer_backend_error(
    send: Send, error: BackendError, dialect: Dialect = DIALECTS[0]
) -> int:
    """Answer for a backend that did not; returns the status."""
    _, status, kind, _, advice = _row(error)
    await answer_problem(send, status, kind, f"warmprefix: {error}. {advice}", dialect)
    return status
