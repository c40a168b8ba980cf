"""`GET /v1/models` if there are several backends: one list of what they serve.

No other answer is put together from several. A backend whose `models` are set serves those; the others are
asked.
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
_LIMIT_S = 5.0  # the answer needs no model; a backend that takes longer is left out
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
    """The models of one backend; None if it gives no list."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            reported = await _reported(scope, backend)
    except (BackendError, TimeoutError, ValueError):
        return None
    names = backend.settings.models
    if reported is None or not names:
        return reported
    by_name = {model["id"]: model for model in reported}
    return [by_name.get(name, {"id": name, "object": "model"}) for name in names]


async def _reported(scope: Scope, backend: Backend) -> list[Model] | None:
    headers = await backend.parts.outgoing(request_headers(scope, _NOT_FORWARDED))
    response = await backend.parts.connections.open("GET", target_of(scope), headers, None)
    try:
        body = b"".join([piece async for piece in response.pieces()])
    finally:
        response.close()
    reported = orjson.loads(body) if response.status == 200 else None
    models = reported.get("data") if isinstance(reported, dict) else None
    if not isinstance(models, list):
        return None
    return [model for model in models if isinstance(model, dict) and "id" in model]
