"""A real mlx_lm.server: what it reuses by its own counts, directly and through the proxy."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy
from tests.fakes.tiny_mlx import token_of
from tests.servers.mlx import PYTHON, MlxServer
from warmprefix.backends.ask import ask

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(not PYTHON.exists(), reason="no mlx-lm; make engines"),
]

Json = dict[str, Any]
CHAT = "/v1/chat/completions"
TURNS = 4
NAMES = ("read", "write", "list", "delete")
SYSTEM = "You look after a rain gauge in the hills.\n" * 40
SAYS: Json = {"max_tokens": 8, "temperature": 0, "logit_bias": {str(token_of("a")): 100}}
"""The model says eight times "a"."""


@pytest.fixture(scope="module")
def mlx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlxServer]:
    server = MlxServer(tmp_path_factory.mktemp("mlx")).start()
    yield server
    server.stop()


def tool(name: str, number: int) -> Json:
    """The order of its members changes with every reload."""
    members: Json = {"name": name, "description": f"To {name} it.", "parameters": {}}
    names = list(members) if number % 2 else list(reversed(members))
    return {"type": "function", "function": {each: members[each] for each in names}}


def reloaded(history: list[Json], number: int) -> Json:
    """The request as a client makes it of a session that it has stored and read again."""
    blank = "\n" * (number % 2)
    messages = [
        {**message, "content": message["content"] + blank, "timestamp": number}
        if message["role"] == "assistant"
        else message
        for message in history
    ]
    at = number % len(NAMES)
    names = (*NAMES[at:], *NAMES[:at])
    return {"messages": messages, "tools": [tool(name, number) for name in names]}


def quiet(history: list[Json], number: int) -> Json:
    """The session as it was."""
    del number
    return {"messages": history, "tools": [tool(name, 1) for name in NAMES]}


async def play(url: str, of: Any, about: str, **more: object) -> list[int]:
    """A session; the cached tokens of each reply, by the server's own count."""
    history: list[Json] = [
        {"role": "system", "content": f"{about}\n{SYSTEM}"},
        {"role": "user", "content": "How much rain fell?"},
    ]
    cached = []
    for number in range(TURNS):
        body = {**SAYS, **of(history, number), **more}
        reply = (await exchange(url, "POST", CHAT, body)).json()
        cached.append(reply["usage"]["prompt_tokens_details"]["cached_tokens"])
        history.append(reply["choices"][0]["message"])
        history.append({"role": "user", "content": f"And on day {number}?"})
    return cached


async def test_a_session_that_is_reloaded_keeps_its_cache_through_the_proxy(mlx: MlxServer) -> None:
    model = mlx.model
    clean = await play(mlx.url, quiet, "Clean", model=model)
    direct = await play(mlx.url, reloaded, "Direct", model=model)
    async with running_proxy(mlx.url, backend={"kind": "auto"}) as proxy:
        through = await play(proxy.url, reloaded, "Through", model=model)
        lines = await proxy.records()
        kind = proxy.app.known.name

    assert kind == "mlx"
    assert [line["cached_tokens"] for line in lines] == through
    assert min(clean[1:]) > len(SYSTEM)
    assert sum(direct[1:]) < 0.2 * sum(clean[1:])
    # The two sessions say the same, but for a word of two letters more.
    assert sum(through[1:]) >= sum(clean[1:])


async def test_a_stream_is_counted_for_a_client_that_does_not_ask(mlx: MlxServer) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "So?"}]
    body = {**SAYS, "model": mlx.model, "messages": messages, "stream": True}
    settings = {"kind": "auto", "ask_usage": True}
    async with running_proxy(mlx.url, backend=settings) as proxy:
        await exchange(proxy.url, "POST", CHAT, body)
        answer = await exchange(proxy.url, "POST", CHAT, body)
        line = (await proxy.records())[-1]
    direct = await exchange(mlx.url, "POST", CHAT, body)

    assert line["cached_tokens"] > len(SYSTEM)
    assert line["generated_tokens"] == 8
    assert b"usage" not in answer.body
    assert texts(answer.body) == texts(direct.body)
    assert answer.body.endswith(b"\n\ndata: [DONE]\n\n")


def texts(body: bytes) -> list[bytes]:
    """What each event of a stream says, without its id and comments."""
    return [
        event[event.index(b'"choices"') :] for event in body.split(b"\n\n") if b'"choices"' in event
    ]


async def test_the_doctor_finds_it(mlx: MlxServer) -> None:
    facts = await asyncio.wait_for(ask(mlx.url), 30)

    assert facts.kind == "mlx"
    assert facts.models == (mlx.model,)
