"""A router behind the proxy is told the conversation, on real sockets: `backend.session_header`."""

from collections.abc import Sequence

import pytest

from tests.builders import assistant, user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, RunningProxy, config_for, running_proxy
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.stores.places import empty_redis
from warmprefix.server.run import open_store

CHAT = "/v1/chat/completions"
HELLO: list[Json] = [{"role": "system", "content": "Be brief."}, user("Hello")]
MORE = [*HELLO, assistant("Hi"), user("And?")]
OTHER: list[Json] = [HELLO[0], user("Something else")]
ROUTER = {"kind": "openai-compatible", "session_header": "dynamo, X-Session-ID"}
OWN, PARENT = "x-dynamo-session-id", "x-dynamo-parent-session-id"
NAMES = (OWN, "x-session-id", PARENT)


def answering() -> Backend:
    return Backend(otherwise=json_response(chat_reply("Hi", 10, 0)))


async def ask(
    proxy: RunningProxy, messages: Sequence[Json] | None, headers: Sequence[tuple[str, str]] = ()
) -> None:
    body = {"model": "m", "messages": messages}
    answer = await exchange(proxy.url, "POST", CHAT, body, list(headers))
    assert answer.status == 200
    await proxy.records()


def sent(backend: Backend, name: str) -> list[str | None]:
    return [request.header(name) for request in backend.requests]


async def test_all_turns_of_a_conversation_have_its_id_and_others_have_another() -> None:
    async with answering() as backend, running_proxy(backend.url, backend=ROUTER) as proxy:
        for messages, theirs in ((HELLO, "one"), (MORE, "one"), (OTHER, "two")):
            await ask(proxy, messages, [("X-Session-ID", theirs)])
        lines = proxy.lines()

    own = sent(backend, OWN)
    assert own == [line["conversation"] for line in lines] == sent(backend, "x-session-id")
    assert own[0] == own[1] != own[2]
    assert sent(backend, PARENT) == [None, None, None]
    names = [name.lower() for name, _ in backend.requests[0].headers]
    assert names.count("x-session-id") == 1


async def test_a_sub_agent_has_an_id_of_its_own_and_says_its_parent() -> None:
    claude = ("X-Claude-Code-Session-Id", "s")
    async with answering() as backend, running_proxy(backend.url, backend=ROUTER) as proxy:
        await ask(proxy, MORE[:2], [claude])
        await ask(proxy, OTHER, [claude, ("X-Claude-Code-Agent-Id", "a")])

    main, agent = sent(backend, OWN)
    assert agent != main
    assert sent(backend, PARENT) == [None, main]


async def test_a_fork_has_an_id_of_its_own_and_says_its_parent() -> None:
    """Two replies to one question that look alike; the client goes on from both."""
    thoughts = [{"reasoning_content": word} for word in ("One", "Two", "Three", "Four")]
    replies = [json_response(chat_reply("Hi", 10, 0, message=thought)) for thought in thoughts]
    async with Backend(*replies) as backend, running_proxy(backend.url, backend=ROUTER) as proxy:
        await ask(proxy, HELLO)
        await ask(proxy, HELLO)
        for thought in thoughts[:2]:
            await ask(proxy, [*HELLO, assistant("Hi") | thought, user("And?")])
        lines = proxy.lines()

    own, above = sent(backend, OWN), sent(backend, PARENT)
    assert own == [line["conversation"] for line in lines]
    assert above == [None if at == own[0] else own[0] for at in own]
    assert len(set(own)) > 1


async def test_no_session_of_another_credential_is_a_parent() -> None:
    claude = ("X-Claude-Code-Session-Id", "s")
    async with answering() as backend, running_proxy(backend.url, backend=ROUTER) as proxy:
        await ask(proxy, HELLO, [claude, ("Authorization", "Bearer one")])
        agent = ("X-Claude-Code-Agent-Id", "a")
        await ask(proxy, OTHER, [claude, agent, ("Authorization", "Bearer two")])

    assert sent(backend, PARENT) == [None, None]


async def test_every_replica_says_the_same() -> None:
    address = empty_redis()
    async with answering() as backend:
        for messages in (HELLO, MORE):
            memory = {"store": "redis", "path": address}
            config = config_for(backend.url, {"memory": memory, "backend": ROUTER})
            proxy = RunningProxy(config, store=open_store(config))
            await ask(proxy, messages)
            await proxy.stop()

    first, second = sent(backend, OWN)
    assert first == second is not None


OFF = [
    pytest.param({"kind": "openai-compatible"}, False, HELLO, id="not-set"),
    pytest.param({**ROUTER, "kind": "llamacpp"}, False, HELLO, id="llama-server"),
    pytest.param({**ROUTER, "kind": "lemonade"}, False, HELLO, id="lemonade"),
    pytest.param(ROUTER, True, HELLO, id="observed"),
    pytest.param(ROUTER, False, None, id="not-understood"),
]


@pytest.mark.parametrize(("settings", "observe", "messages"), OFF)
async def test_nothing_is_said_unless_a_router_is_to_be_told(
    settings: dict[str, object], observe: bool, messages: list[Json] | None
) -> None:
    async with (
        answering() as backend,
        running_proxy(backend.url, backend=settings, observe=observe) as proxy,
    ):
        await ask(proxy, messages, [("X-Session-ID", "the client's")])

    assert [sent(backend, name) for name in NAMES] == [[None], ["the client's"], [None]]
