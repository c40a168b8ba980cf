"""The dashboard: one page and its files, read once and served from memory.

The page itself contains no data: it gets everything from the API. So it is open, like health, and asks the user
for the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from warmprefix.core.explain.words import CAUSES, SIDES

_HOME = "/warmprefix/"
_PAGE = "index.html"
WORDS = "/warmprefix/dashboard/words.js"
"""The only module that is no file: the words of core/explain/words.py."""
_MEDIA_TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

# Nothing from other sites, nothing inline, and no way to turn text into markup: anyone who talks to the model
# may have written what is shown.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Mapping[str, str] = {
    "cache-control": "no-cache",  # cached, but revalidated: another version is another page
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    media_type: str
    etag: str


def _load() -> dict[str, Asset]:
    """The files of this folder, by the path of each."""
    found = {}
    for file in files(__name__).iterdir():
        media_type = _MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media_type is not None:
            path = _HOME if file.name == _PAGE else f"{_HOME}dashboard/{file.name}"
            found[path] = _asset_of(file.read_bytes(), media_type)
    found[WORDS] = _asset_of(_words(), _MEDIA_TYPES["js"])
    return found


def _asset_of(body: bytes, media_type: str) -> Asset:
    return Asset(body, media_type, f'"{blake2b(body, digest_size=12).hexdigest()}"')


def _words() -> bytes:
    """Causes and sides in the words of the command line, as a module."""
    named = {"CAUSES": CAUSES, "SIDES": SIDES}
    return b"".join(
        b"export const %s = %s;\n" % (name.encode(), orjson.dumps(words))
        for name, words in named.items()
    )


_ASSETS: Mapping[str, Asset] = _load()

PATHS: frozenset[str] = frozenset(_ASSETS) | {_HOME.rstrip("/")}
"""Paths that answer without a key."""


def add_dashboard(api: FastAPI) -> None:
    """Serve the page and its files."""
    for path in _ASSETS:
        api.add_route(path, _asset, methods=["GET"], include_in_schema=False)
    api.add_route(_HOME.rstrip("/"), _to_page, methods=["GET"], include_in_schema=False)


async def _asset(request: Request) -> Response:
    asset = _ASSETS[request.url.path]
    headers = {**_HEADERS, "etag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    return Response(asset.body, 200, headers, asset.media_type)


async def _to_page(_: Request) -> Response:
    # A relative address, which is also right below another proxy's prefix.
    return Response(None, 308, {**_HEADERS, "location": "warmprefix/"})
