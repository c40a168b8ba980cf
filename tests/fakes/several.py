"""A proxy in front of several scripted backends, which report their health and their names."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from tests.builders import user
from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, RunningProxy
from tests.fakes.scripted import Stall
from tests.fakes.scripted_http import Connection, Request
from tests.fakes.scripted_replies import chat_reply, head, json_response
from warmprefix.config import Config, NamedBackend

CHAT = "/v1/chat/completions"


HELLO = user("Hello.")


class Healthy(Backend):
    """A backend with a health: `status` is its answer to `/health`."""

    status = 200

    async def _next_request(self, connection: Connection) -> Request | None:
        request = await super(Backend, self)._next_request(connection)
        if request is None or request.header("user-agent") != "warmprefix":
            return request
        status = self.status if request.target == "/health" else 404
        await connection.send(head(status, [("Content-Length", "0"), ("Connection", "close")]))
        return None


def speaking(name: str) -> Healthy:
    """A backend whose replies say its name."""
    return Healthy(otherwise=json_response(chat_reply(name, 12, 0)))


@dataclass
class Site:
    """A proxy and the backends behind it, by name."""

    proxy: RunningProxy
    backends: dict[str, Healthy]

    async def chat(self, *messages: object, **members: object) -> Answer:
        return await exchange(self.proxy.url, "POST", CHAT, {"messages": messages, **members})

    async def who(self, *messages: object, **members: object) -> str:
        """The name of the backend that answered."""
        answer = await self.chat(*messages, **members)
        assert answer.status == 200, answer.body
        return str(answer.json()["choices"][0]["message"]["content"])

    async def die(self, name: str) -> None:
        """The backend ends: its port and its connections are closed."""
        await self.backends[name].__aexit__()

    async def listed(self) -> dict[str, Any]:
        answer = await exchange(self.proxy.url, "GET", "/warmprefix/api/backends")
        return {backend["name"]: backend for backend in answer.json()["backends"]}


@asynccontextmanager
async def site(
    backends: dict[str, Healthy] | None = None, **settings: dict[str, Any]
) -> AsyncIterator[Site]:
    """Two backends, `a` and `b`, unless others are given; `settings` by name."""
    backends = backends or {name: speaking(name) for name in "ab"}
    async with AsyncExitStack() as stack:
        for backend in backends.values():
            await stack.enter_async_context(backend)
        common = {"kind": "llamacpp"}
        several = tuple(
            NamedBackend(**{**common, "name": name, "url": b.url, **settings.get(name, {})})
            for name, b in backends.items()
        )
        proxy = RunningProxy(replace(Config(), backends=several))
        stack.push_async_callback(proxy.stop)
        yield Site(proxy, backends)


@asynccontextmanager
async def busy(where: Site, name: str) -> AsyncIterator[None]:
    """A request of another conversation runs on this backend, which must be the next to be chosen."""
    backend = where.backends[name]
    backend.then([Stall()])
    async with raw_client(where.proxy.url) as client:
        await client.send(request_bytes("POST", CHAT, {"messages": [user(f"Keep {name} busy.")]}))
        await backend.received(len(backend.requests) + 1)
        yield
