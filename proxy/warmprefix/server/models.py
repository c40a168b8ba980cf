"""`GET /v1/models` where there are several backends: one list of what they serve.

It is the one answer that the proxy makes of answers. A backend whose `models` are given serves those; of
the others it is what they say themselves.
"""

import asyncio
from collections.abc import Mapping

import orjson

from warmprefix.backends.base import Headers
from warmprefix.core.errors import BackendError
from warmprefix.guard import guard
from warmprefix.server.asgi import Scope, Send, answer, target_of
from warmprefix.server.backends import Backend, Backends
from warmprefix.server.relay import request_headers

PATHS = frozenset({"/v1/models", "/models", "/api/v1/models", "/api/v0/models", "/v0/models"})
_LIMIT_S = 5.0  # the answer needs no model; who takes longer is left out
_JSON: Headers = [(b"content-type", b"application/json; charset=utf-8")]
_NOT_FORWARDED = frozenset({b"accept-encoding"})

Model = Mapping[str, object]


async def answer_models(scope: Scope, send: Send, backends: Backends) -> bool:
    """Answer with the list of all healthy backends; False, and nothing sent, if none gave one."""
    body = None
    with guard(backends.first().parts.counters, "models"):
        body = await _merged(scope, backends)
    if body is None:
        return False
    await answer(send, 200, _JSON, body)
    return True


async def _merged(scope: Scope, backends: Backends) -> bytes | None:
    healthy = [backend for backend in backends.all if backend.is_healthy]
    lists = await asyncio.gather(*(_listed(scope, backend) for backend in healthy))
    if all(models is None for models in lists):
        return None
    merged: dict[object, Model] = {}
    for models in lists:
        for model in models or ():
            merged.setdefault(model["id"], model)
    return orjson.dumps({"object": "list", "data": list(merged.values())})


async def _listed(scope: Scope, backend: Backend) -> list[Model] | None:
    """The models of one backend; None where it gives no list."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            told = await _told(scope, backend)
    except (BackendError, TimeoutError, ValueError):
        return None
    names = backend.settings.models
    if told is None or not names:
        return told
    by_name = {model["id"]: model for model in told}
    return [by_name.get(name, {"id": name, "object": "model"}) for name in names]


async def _told(scope: Scope, backend: Backend) -> list[Model] | None:
    headers = await backend.parts.outgoing(request_headers(scope, _NOT_FORWARDED))
    response = await backend.parts.connections.open("GET", target_of(scope), headers, None)
    try:
        body = b"".join([piece async for piece in response.pieces()])
    finally:
        response.close()
    told = orjson.loads(body) if response.status == 200 else None
    models = told.get("data") if isinstance(told, dict) else None
    if not isinstance(models, list):
        return None
    return [model for model in models if isinstance(model, dict) and "id" in model]
