"""Every error of a backend has an answer and an outcome, also one that nobody has thought of yet; and each
error of ours has the shape of the endpoint that was asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

import pytest

from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted import Cut, Stall
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

    answered = await answer_backend_error(send, "/v1/chat/completions", error)

    assert (answered, sent[0]["status"]) == (status, status)
    assert outcome.value.encode() in sent[1]["body"]
    assert outcome_of(error) is outcome


MESSAGES, RESPONSES, CHAT = "/v1/messages", "/v1/responses", "/v1/chat/completions"
BODY: Json = {"messages": [{"role": "user", "content": "hi"}], "input": "hi"}
NO_BACKEND = "http://127.0.0.1:1"
HELD = [("Content-Encoding", "gzip")]
"""Of a body that is not read: the request is passed on as it is."""


class Trouble(NamedTuple):
    """What goes wrong, and what is answered."""

    id: str
    opened: Callable[[], AbstractAsyncContextManager[str]]
    status: int
    kind: str
    words: str
    needs_reading: bool = False
    """Whether it happens only to a body that is read."""


@asynccontextmanager
async def down() -> AsyncIterator[str]:
    async with running_proxy(NO_BACKEND) as proxy:
        yield proxy.url


@asynccontextmanager
async def slow() -> AsyncIterator[str]:
    limits = {"first_byte_timeout_s": 0.05}
    async with Backend([Stall()]) as backend, running_proxy(backend.url, backend=limits) as proxy:
        yield proxy.url


@asynccontextmanager
async def crashing() -> AsyncIterator[str]:
    async with Backend([Cut()], [Cut()]) as backend, running_proxy(backend.url) as proxy:
        yield proxy.url


@asynccontextmanager
async def narrow() -> AsyncIterator[str]:
    async with running_proxy(NO_BACKEND, server={"max_body_bytes": 10}) as proxy:
        yield proxy.url


@asynccontextmanager
async def keyed() -> AsyncIterator[str]:
    async with running_proxy(NO_BACKEND, server={"api_key": "k"}) as proxy:
        yield proxy.url


TROUBLES = [
    Trouble("down", down, 502, "backend_unreachable", "--backend"),
    Trouble("slow", slow, 504, "backend_timeout", "backend.first_byte_timeout_s"),
    Trouble("crashing", crashing, 502, "backend_disconnected", "closed the connection"),
    Trouble("narrow", narrow, 413, "request_too_large", "server.max_body_bytes", True),
    Trouble("keyed", keyed, 401, "authentication_error", "Invalid API Key"),
]
ANTHROPICS = [
    (MESSAGES, []),
    (MESSAGES + "/count_tokens", []),
    (MESSAGES + "/batches", HELD),
    (MESSAGES, HELD),
    ("/api/v1/messages", []),
]
OPENAIS = [
    (CHAT, []),
    (RESPONSES, []),
    ("/responses", []),
    (RESPONSES + "/input_tokens", []),
    (RESPONSES + "/resp_1/cancel", HELD),
    ("/v1/messagesome", HELD),
    ("/v1/embeddings", HELD),
]


def each(asked: list[tuple[str, list[tuple[str, str]]]]) -> pytest.MarkDecorator:
    """Every trouble at every path at which it can happen."""
    rows = [
        pytest.param(
            path, headers, trouble, id=f"{trouble.id}-{path}-{'passed' if headers else 'read'}"
        )
        for path, headers in asked
        for trouble in TROUBLES
        if not (headers and trouble.needs_reading)
    ]
    return pytest.mark.parametrize(("path", "headers", "trouble"), rows)


async def troubled(trouble: Trouble, path: str, headers: list[tuple[str, str]]) -> Answer:
    async with trouble.opened() as url:
        return await exchange(url, "POST", f"{path}?beta=true", BODY, headers)


@each(ANTHROPICS)
async def test_an_error_of_ours_has_anthropics_shape(
    path: str, headers: list[tuple[str, str]], trouble: Trouble
) -> None:
    answer = await troubled(trouble, path, headers)

    said = answer.json()
    assert (answer.status, list(said), said["type"]) == (trouble.status, ["type", "error"], "error")
    assert list(said["error"]) == ["type", "message"]
    assert said["error"]["type"] == trouble.kind
    assert trouble.words in said["error"]["message"]


@each(OPENAIS)
async def test_an_error_of_ours_has_openais_shape(
    path: str, headers: list[tuple[str, str]], trouble: Trouble
) -> None:
    answer = await troubled(trouble, path, headers)

    error = answer.json()["error"]
    assert (answer.status, list(answer.json())) == (trouble.status, ["error"])
    assert (error["type"], error["code"]) == (trouble.kind, trouble.status)
    assert trouble.words in error["message"]
