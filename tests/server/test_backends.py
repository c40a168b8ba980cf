"""Several backends: a conversation stays where it was read, and nobody waits for one that is down."""

import asyncio

import pytest
from websockets.asyncio.client import connect

from tests.builders import assistant, user
from tests.fakes.lemonade import LemonadeDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import DEADLINE_S, Backend, Json, running_proxy, until
from tests.fakes.scripted import Cut, Script
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.fakes.several import CHAT, HELLO, Healthy, busy, site


async def test_a_conversation_stays_with_the_backend_that_has_read_it() -> None:
    async with site() as where:
        async with busy(where, "a"):
            first = await where.who(HELLO)
            listed = await where.listed()
        second = await where.who(HELLO, assistant("b"), user("And?"))
        other = await where.who(user("Something else."))
        lines = await where.proxy.records()

    assert (first, second, other) == ("b", "b", "a")
    assert [listed[name]["running"] for name in "ab"] == [1, 0]
    told = {line["index"]: line["backend_reason"] for line in lines if line["backend"] == "b"}
    assert told == {0: "least loaded", 1: "holds this conversation"}


async def test_what_the_ledger_knows_outlives_the_proxy() -> None:
    async with site() as where:
        async with busy(where, "a"):
            await where.who(HELLO)
        where.proxy.app.backends._homes.clear()  # as a proxy that was started anew
        second = await where.who(HELLO, assistant("b"), user("And?"))
        last = (await where.proxy.records())[-1]

    assert (second, last["backend_reason"]) == ("b", "holds this conversation")


async def test_a_backend_that_drains_keeps_its_conversations_and_gets_no_new_ones() -> None:
    async with site() as where:
        first = await where.who(HELLO)
        drain = await exchange(where.proxy.url, "PUT", "/warmprefix/api/backends/a/drain")
        listed = await where.listed()
        other = await where.who(user("Something else."))
        stays = await where.who(HELLO, assistant("a"), user("And?"))
        await exchange(where.proxy.url, "DELETE", "/warmprefix/api/backends/a/drain")
        new = await where.who(user("A third thing."))
        unknown = await exchange(where.proxy.url, "PUT", "/warmprefix/api/backends/x/drain")

    assert drain.json() == {"name": "a", "draining": True}
    assert [listed[name]["draining"] for name in "ab"] == [True, False]
    assert (first, other, stays, new) == ("a", "b", "a", "a")
    assert unknown.status == 404


async def test_what_is_new_goes_by_running_requests_and_weight() -> None:
    async with site(a={"weight": 3.0}) as where, busy(where, "a"):
        second = await where.who(HELLO)
        async with busy(where, "b"):
            third = await where.who(user("Third."))

    assert (second, third) == ("b", "a")


async def test_a_request_goes_to_a_backend_that_serves_its_model() -> None:
    async with site(a={"models": ("code",)}, b={"models": ("text", "talk")}) as where:
        talk = await where.who(HELLO, model="talk")
        code = await where.who(HELLO, assistant("b"), user("And?"), model="code")
        unknown = await where.who(user("Other."), model="other")
        lines = await where.proxy.records()

    assert (talk, code, unknown) == ("b", "a", "a")
    reasons = [line["backend_reason"] for line in lines]
    assert reasons[1].endswith("b holds this conversation and does not serve this model")
    assert reasons[2].endswith("none serves this model by name")


async def test_a_request_that_cannot_be_sent_goes_to_the_next() -> None:
    async with site() as where:
        await where.die("a")
        first = await where.who(HELLO)
        second = await where.who(user("Something else."))
        lines = await where.proxy.records()
        listed = await where.listed()

    assert (first, second) == ("b", "b")
    assert [line["status"] for line in lines] == [200, 200]
    assert [line["outcome"] for line in lines] == ["ok", "ok"]
    assert [listed[name]["healthy"] for name in "ab"] == [False, True]
    assert listed["b"]["conversations"] == 2


async def test_the_log_tells_why_a_request_went_on() -> None:
    """Found out by the request itself: the checks have not."""
    async with site(a={"url": "http://127.0.0.1:1"}) as where:
        where.proxy.app.backends.stop_watching()
        where.proxy.app.backends.all[0].is_healthy = True
        await where.who(HELLO)
        line = await where.proxy.record()

    assert (line["backend"], line["backend_reason"]) == (
        "b",
        "least loaded; a held this conversation and is down",
    )


async def test_a_conversation_outlives_its_backend() -> None:
    async with site() as where:
        first = await where.who(HELLO)
        await where.die("a")
        second = await where.who(HELLO, assistant("a"), user("And?"))
        third = await where.who(HELLO, assistant("a"), user("And?"), assistant("b"), user("So?"))
        lines = await where.proxy.records()

    assert (first, second, third) == ("a", "b", "b")
    assert len({line["conversation"] for line in lines}) == 1
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert lines[1]["backend_reason"] == "least loaded; a held this conversation and is down"
    assert lines[2]["backend_reason"] == "holds this conversation"


async def test_what_a_move_costs_is_explained_by_it() -> None:
    replies = {"a": chat_reply("a", 900, 0), "b": chat_reply("b", 950, 0)}
    backends = {name: Healthy(otherwise=json_response(replies[name])) for name in "ab"}
    async with site(backends) as where:
        await where.who(HELLO)
        await where.die("a")
        await where.who(HELLO, assistant("a"), user("And?"))
        lines = await where.proxy.records()

    assert lines[1]["break"]["cause"] == "other-backend"


async def test_a_request_that_was_sent_is_never_sent_to_another() -> None:
    async with site() as where:
        where.backends["a"].then([Cut()])
        answer = await where.chat(HELLO)
        line = await where.proxy.record()

    assert answer.status == 502
    assert answer.json()["error"]["type"] == "backend_disconnected"
    assert line["backend"] == "a"
    assert where.backends["b"].requests == []


async def test_where_all_are_down_the_last_one_is_named() -> None:
    async with site() as where:
        await where.die("a")
        await where.die("b")
        answer = await where.chat(HELLO)
        line = await where.proxy.record()
        ready = await exchange(where.proxy.url, "GET", "/warmprefix/ready")

    assert (answer.status, line["outcome"]) == (502, "backend_unreachable")
    assert ready.status == 503


async def test_one_that_loads_its_model_is_used_when_it_has() -> None:
    async with site() as where:
        where.backends["a"].status = 503
        await where.proxy.app.backends.check()
        loading = await where.who(HELLO)
        ready = await exchange(where.proxy.url, "GET", "/warmprefix/ready")
        where.backends["a"].status = 200
        await where.proxy.app.backends.check()
        back = await where.who(user("Something else."))
        stays = await where.who(HELLO, assistant("b"), user("And?"))

    assert (loading, back, stays) == ("b", "a", "b")
    assert ready.status == 200


async def test_health_is_watched_without_requests() -> None:
    async with site(a={"url": "http://127.0.0.1:1"}) as where:
        await until(lambda: not where.proxy.app.backends.all[0].is_healthy)
        assert (await where.who(HELLO)) == "b"
        line = await where.proxy.record()

    assert line["backend_reason"] == "least loaded"


async def test_what_is_no_chat_goes_to_the_first_that_is_healthy() -> None:
    async with site() as where:
        one = await exchange(where.proxy.url, "POST", "/v1/embeddings", {"input": "x"})
        await where.die("a")
        await where.proxy.app.backends.check()
        other = await exchange(where.proxy.url, "POST", "/v1/embeddings", {"input": "x"})

    assert [answer.json()["choices"][0]["message"]["content"] for answer in (one, other)] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("body", [{"input": "x"}, {"input": "x" * 3_000_000}])
async def test_what_is_no_chat_goes_on_to_the_next_with_its_body(body: Json) -> None:
    """Found out by the request itself: the checks have not."""
    async with site(a={"url": "http://127.0.0.1:1"}) as where:
        where.proxy.app.backends.stop_watching()
        where.proxy.app.backends.all[0].is_healthy = True
        answer = await exchange(where.proxy.url, "POST", "/v1/embeddings", body)
        again = await exchange(where.proxy.url, "GET", "/v1/other")
        listed = await where.listed()

    assert (answer.status, again.status) == (200, 200)
    assert where.backends["b"].requests[0].json() == body
    assert [listed[name]["healthy"] for name in "ab"] == [False, True]


async def test_a_websocket_goes_on_to_the_next() -> None:
    settings = {"a": {"url": "http://127.0.0.1:1"}, "b": {}}
    async with LemonadeDouble() as lemonade:
        settings["b"] = {"url": lemonade.url, "kind": "lemonade"}
        async with site(None, **settings) as where:
            where.proxy.app.backends.stop_watching()
            where.proxy.app.backends.all[0].is_healthy = True
            url = where.proxy.url.replace("http", "ws", 1) + "/logs/stream"
            async with connect(url) as socket, asyncio.timeout(DEADLINE_S):
                await socket.send("hello")
                assert await socket.recv() == "hello"


async def test_what_was_sent_is_not_sent_to_another() -> None:
    async with site() as where:
        where.backends["a"].then([Cut()])
        answer = await exchange(where.proxy.url, "POST", "/v1/embeddings", {"input": "x"})

    assert answer.json()["error"]["type"] == "backend_disconnected"
    assert where.backends["b"].requests == []


async def test_no_chat_either_is_answered_where_all_are_down() -> None:
    async with site() as where:
        await where.die("a")
        await where.die("b")
        answer = await exchange(where.proxy.url, "POST", "/v1/embeddings", {"input": "x"})

    assert answer.json()["error"]["type"] == "backend_unreachable"


async def test_with_one_backend_nobody_asks_for_its_health() -> None:
    backend = Backend(otherwise=json_response(chat_reply("hi", 1, 0)))
    async with backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, {"messages": [HELLO]})
        line = await proxy.record()
        answer = await exchange(proxy.url, "GET", "/warmprefix/api/backends")
        tasks = {task.get_name() for task in asyncio.all_tasks()}

    name = backend.url.removeprefix("http://")
    assert (line["backend"], line["backend_reason"]) == (name, "the only one")
    assert "backend health" not in tasks
    assert answer.json()["backends"] == [
        {
            "name": name,
            "url": backend.url,
            "kind": "llamacpp",
            "models": [],
            "weight": 1.0,
            "healthy": True,
            "error": None,
            "draining": False,
            "owns_slots": True,
            "running": 0,
            "conversations": 1,
        }
    ]


async def test_a_request_that_may_have_ended_a_backend_does_not_go_on_to_the_next() -> None:
    """Its kept connection broke, and there is nobody to ask again."""
    async with site() as where:
        await where.who(HELLO)
        dying = where.backends["a"]

        def die(_: Request) -> Script:
            dying._server.close()
            return [Cut()]

        dying.then(die)
        answer = await where.chat(HELLO, assistant("a"), user("And?"))
        last = (await where.proxy.records())[-1]

    assert (answer.status, answer.json()["error"]["type"]) == (502, "backend_disconnected")
    assert [request.ordinal for request in dying.requests] == [1, 2]
    assert where.backends["b"].requests == []
    assert (last["outcome"], last["backend"]) == ("backend_disconnected", "a")
