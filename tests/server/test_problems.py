"""Every error of a backend has an answer and an outcome, also one that nobody has thought of yet."""

import pytest

from warmprefix.core.errors import (
    BackendError,
    Disconnected,
    RefusedUpgrade,
    TimedOut,
    Unreachable,
)
from warmprefix.core.types import Outcome
from warmprefix.server.asgi import AsgiMessage
from warmprefix.server.problems import answer_backend_error, outcome_of


class Odd(BackendError):
    """One that no table names."""


class Reset(Disconnected):
    """A closer name for one that the table names."""


ERRORS = [
    pytest.param(Unreachable("x"), 502, Outcome.BACKEND_UNREACHABLE, id="unreachable"),
    pytest.param(TimedOut("x"), 504, Outcome.BACKEND_TIMEOUT, id="timed-out"),
    pytest.param(Disconnected("x"), 502, Outcome.BACKEND_DISCONNECTED, id="disconnected"),
    pytest.param(Reset("x"), 502, Outcome.BACKEND_DISCONNECTED, id="a-kind-of-disconnected"),
    pytest.param(RefusedUpgrade(403), 502, Outcome.BACKEND_ERROR, id="refused-upgrade"),
    pytest.param(BackendError("x"), 502, Outcome.BACKEND_ERROR, id="the-base"),
    pytest.param(Odd("x"), 502, Outcome.BACKEND_ERROR, id="one-without-a-row"),
]


@pytest.mark.parametrize(("error", "status", "outcome"), ERRORS)
async def test_an_error_of_the_backend_has_an_answer(
    error: BackendError, status: int, outcome: Outcome
) -> None:
    sent: list[AsgiMessage] = []

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    answered = await answer_backend_error(send, error)

    assert (answered, sent[0]["status"]) == (status, status)
    assert outcome.value.encode() in sent[1]["body"]
    assert outcome_of(error) is outcome
