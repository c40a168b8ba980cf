"""The complete proxy with other connections to its backend, or behind a web framework's router.

`python -m bench.path.other_client WAY --port PORT --backend URL` replaces one class and runs the proxy.
Only for figures: WebSockets and the finer errors are missing.
"""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import uvicorn

from bench.path.contestants import ENVIRONMENT
from bench.path.raw_client import RawConnections
from warmprefix.backends.base import Body, Headers, end_to_end
from warmprefix.cli import main
from warmprefix.config import Config
from warmprefix.server import app as composition
from warmprefix.server import run as running
from warmprefix.server.app import App


class HttpxResponse:
    """An answer of httpx, or of a client with the same API."""

    def __init__(self, response: Any, url: str) -> None:
        self._response = response
        self._url = url
        self.status: int = response.status_code
        self.headers: Headers = end_to_end(list(response.headers.raw))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        async for piece in self._response.aiter_raw():
            yield piece
        await self._response.aclose()

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end."""
        if not self._response.is_closed:
            asyncio.get_running_loop().create_task(self._response.aclose())


class HttpxConnections:
    """A pool of httpx. `module`: httpx or httpx2; `transport`: by default its own."""

    def __init__(self, url: str, module: Any, transport: Any = None) -> None:
        self.url = url
        self._client = module.AsyncClient(
            transport=transport,
            timeout=None,
            trust_env=False,
            limits=module.Limits(max_connections=None, max_keepalive_connections=None),
        )
        self._client.headers.clear()

    async def open(self, method: str, target: bytes, headers: Headers, body: Body) -> HttpxResponse:
        """Send a request and wait for the head of the answer."""
        request = self._client.build_request(
            method, self.url + target.decode("latin-1"), headers=headers, content=body
        )
        return HttpxResponse(await self._client.send(request, stream=True), self.url)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def _httpx(url: str) -> HttpxConnections:
    return HttpxConnections(url, importlib.import_module("httpx"))


def _httpx2(url: str) -> HttpxConnections:
    return HttpxConnections(url, importlib.import_module("httpx2"))


def _httpx_aiohttp(url: str) -> HttpxConnections:
    module = importlib.import_module("httpx_aiohttp")
    return HttpxConnections(url, importlib.import_module("httpx"), module.AiohttpTransport())


CLIENTS: dict[str, Callable[[str], Any]] = {
    "httpx": _httpx,
    "httpx-aiohttp": _httpx_aiohttp,
    "httpx2": _httpx2,
    "httptools": RawConnections,
}
ROUTED = "fastapi"
"""Our own client, but every request goes through FastAPI's middleware and router first."""


def replace(way: str) -> None:
    """Make `warmprefix serve` run this way."""
    if way == ROUTED:
        _route()
        return
    make = CLIENTS[way]
    setattr(composition, "Connections", lambda url, *_: make(url))  # noqa: B010 - another type on purpose


def _route() -> None:
    from fastapi import FastAPI

    as_it_is = running.uvicorn_config

    def routed(config: Config, app: App) -> uvicorn.Config:
        made = as_it_is(config, app)
        framework = FastAPI()
        framework.mount("/", app)
        made.app = framework
        return made

    running.uvicorn_config = routed


if __name__ == "__main__":
    sys.path.extend(map(str, Path(ENVIRONMENT).glob("lib/python*/site-packages")))
    replace(sys.argv.pop(1))
    sys.argv.insert(1, "serve")
    main()
