"""Bare relays to compare clients with: `python -m bench.path.relays aiohttp|httpx BACKEND_PORT PORT`."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import uvicorn

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], AsyncIterator[bytes]]


class Relay:
    """Relays a chat request to the backend and the reply back, without looking at either."""

    def __init__(self, name: str, url: str) -> None:
        self._open = _aiohttp if name == "aiohttp" else _httpx
        self._url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        async with self._open(self._url, body) as (status, headers, pieces):
            kept = [(k.lower(), v) for k, v in headers if k.lower() != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": status, "headers": kept})
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


_CLIENTS: dict[str, Any] = {}


@asynccontextmanager
async def _aiohttp(url: str, body: bytes) -> AsyncIterator[Answer]:
    session = _CLIENTS.get("aiohttp") or aiohttp.ClientSession(auto_decompress=False)
    _CLIENTS["aiohttp"] = session
    async with session.post(url, data=body) as response:
        yield response.status, list(response.raw_headers), response.content.iter_any()


@asynccontextmanager
async def _httpx(url: str, body: bytes) -> AsyncIterator[Answer]:
    client = _CLIENTS.get("httpx") or httpx.AsyncClient(timeout=None)
    _CLIENTS["httpx"] = client
    async with client.stream("POST", url, content=body) as response:
        yield response.status_code, response.headers.raw, response.aiter_raw()


if __name__ == "__main__":
    name, backend, port = sys.argv[1:]
    app: Any = Relay(name, f"http://127.0.0.1:{backend}/v1/chat/completions")
    uvicorn.run(app, port=int(port), log_level="critical", http="httptools", loop="uvloop")
