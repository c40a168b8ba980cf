"""What new conversations begin with, under `/warmprefix/api/openings`: listed, read beforehand, forgotten."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from fastapi import FastAPI, HTTPException, Path, Request
from starlette.responses import Response, StreamingResponse

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.slots.prewarm import PLACEHOLDER
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.dialects import DIALECTS, dialect_of, with_open_end
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.stages import Passed, Written, as_it_came
from warmprefix.server.api import PRIVATE, as_json, described
from warmprefix.server.backends import Backends
from warmprefix.server.relay import request_headers
from warmprefix.server.way import Way
from warmprefix.slots.opening_warm import Progress
from warmprefix.slots.openings import Openings
from warmprefix.slots.seatings import Seatings

if TYPE_CHECKING:
    Endpoint = str
else:  # the registry says which
    Endpoint = Literal[tuple(sorted(path for dialect in DIALECTS for path in dialect.paths))]

_NO_OPENING = described(404, "Not known.")
_STEPS = described(
    200, "A line for each step: tokens read, and the id or the failure.", "application/x-ndjson"
)
_REFUSED = {
    **described(400, "The body is no JSON object."),
    **described(413, "The body is too large."),
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

NOT_UNDERSTOOD = "the body is not understood as one of this endpoint"
OFF = "openings are off: slots.openings, slots.save or slots.pin"


def add_openings(api: FastAPI, backends: Backends, pipeline: Pipeline, most_bytes: int) -> None:
    """Add the pages."""

    def every() -> list[Openings]:
        seatings = [backend.parts.seatings for backend in backends.all]
        found = [own.seating.openings for each in seatings for own in each.all]
        return [openings for openings in found if openings is not None]

    @api.get("/warmprefix/api/openings")
    async def list_openings() -> Response:
        """The saved openings, the most used first."""
        shown = {one["id"]: one for openings in every() for one in _listed(openings)}
        value = {"openings": sorted(shown.values(), key=lambda one: -one["uses"])}
        return as_json(value)

    @api.delete("/warmprefix/api/openings/{opening}", responses=_NO_OPENING)
    async def forget_opening(opening: Annotated[str, Path(max_length=64)]) -> Response:
        """Forget one opening, or with `all` every one; its file is deleted if we can reach it."""
        gone = sum(_forget(openings, opening) for openings in every())
        if opening != "all" and not gone:
            raise HTTPException(404, "No such opening.")
        return as_json({"forgotten": gone})

    @api.put(
        "/warmprefix/api/openings",
        response_class=Response,
        responses=_STEPS | _REFUSED,
        openapi_extra=_BODY,
    )
    async def warm(request: Request, endpoint: Endpoint = "/v1/chat/completions") -> Response:
        """Read what a body of this endpoint begins with, and save it: tools and instructions, and the messages,
        if there are any. A line of JSON for each step, as it is done."""
        body = await _body(request, most_bytes)
        lines = _lines(request, endpoint, body, backends, pipeline)
        return StreamingResponse(lines, 200, PRIVATE, "application/x-ndjson")


async def _body(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most_bytes:
            raise HTTPException(413, "The body is over server.max_body_bytes.")
    try:
        is_object = isinstance(orjson.loads(bytes(body)), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise HTTPException(400, "The body is no JSON object.")
    return bytes(body)


async def _lines(
    request: Request, endpoint: str, body: bytes, backends: Backends, pipeline: Pipeline
) -> AsyncIterator[bytes]:
    async for progress in _warmed(request, endpoint, body, backends, pipeline):
        yield orjson.dumps(asdict(progress)) + b"\n"


async def _warmed(
    request: Request, endpoint: str, body: bytes, backends: Backends, pipeline: Pipeline
) -> AsyncIterator[Progress]:
    """Each step, at the backend that would get such a request."""
    dialect = dialect_of(endpoint)
    assert dialect is not None, "only such endpoints pass"
    try:
        body = with_open_end(dialect, body, PLACEHOLDER)
    except NotUnderstood as error:
        yield Progress(failure=f"{NOT_UNDERSTOOD}: {error}")
        return
    headers = {name: request.headers[name] for name in request.headers}
    placed = await pipeline.identify(as_it_came(endpoint, headers, body))
    if isinstance(placed, Passed) or placed.canonical.is_plain:
        yield Progress(failure=NOT_UNDERSTOOD)
        return
    way = Way(backends, pipeline, placed, request_headers(request.scope))
    try:
        await way.write()
    finally:
        way.end()
    written, seatings = way.outgoing, way.parts.seatings
    if not isinstance(written, Written) or not isinstance(seatings, Seatings):
        yield Progress(failure=OFF)
        return
    openings = seatings.of(placed.came.model).seating.openings
    if openings is None:
        yield Progress(failure=OFF)
        return
    async for progress in openings.warming.warm(written):
        yield progress


def _listed(openings: Openings) -> Sequence[dict[str, Any]]:
    snapshots = openings.files.snapshots
    return [_shown(one, snapshots.backend) for one in snapshots.listed() if one.opening]


def _shown(opening: Snapshot, backend: str) -> dict[str, Any]:
    now = time.time()
    return {
        "id": opening.id,
        "tokens": opening.tokens,
        "bytes": opening.size_bytes,
        "uses": opening.uses,
        "file": opening.name,
        "fits": opening.backend == backend,
        "age_s": round(now - opening.saved_s, 1),
        "unused_s": round(now - opening.used_s, 1),
    }


def _forget(openings: Openings, wanted: str) -> int:
    snapshots = openings.files.snapshots
    ids = [one.id for one in snapshots.listed() if one.opening and wanted in ("all", one.id)]
    return snapshots.forget(ids)
