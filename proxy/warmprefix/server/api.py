"""Our own pages under `/warmprefix/`: health, turns, and turns as they end."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, HTTPException, Path, Query
from starlette.responses import Response, StreamingResponse

from warmprefix import __version__
from warmprefix.log.conversations import conversations
from warmprefix.log.record import running_record
from warmprefix.log.turns import Turns
from warmprefix.server.backends import Backends
from warmprefix.server.dashboard import add_dashboard
from warmprefix.server.running import RunningRequests

_MAX_TURNS = 1000
PRIVATE = {"cache-control": "no-store"}  # what people wrote stays out of a browser's disk cache

Described = dict[int | str, dict[str, Any]]
"""What the OpenAPI document says about answers, by status."""


def described(status: int, description: str, *media_types: str) -> Described:
    """One answer: its meaning and its media types, JSON if none is given."""
    types = media_types or ("application/json",)
    return {status: {"description": description, "content": {name: {} for name in types}}}


_NO_TURN = described(404, "Not known.")
_NO_ANSWER = described(503, "The backend does not answer.")
_EVENTS = described(200, "A stream that does not end.", "text/event-stream")
_METRICS = described(
    200, "The page of metrics, as `Accept` asks.", "text/plain", "application/openmetrics-text"
)


def create_api(turns: Turns, backends: Backends, running: RunningRequests) -> FastAPI:
    """The application behind `/warmprefix/`."""
    api = FastAPI(
        title="warmprefix",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/warmprefix/openapi.json",
    )

    _add_health(api, backends)

    @api.get("/warmprefix/api/turns")
    async def list_turns(
        limit: Annotated[int, Query(ge=1, le=_MAX_TURNS)] = 50,
        conversation: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Ended turns, newest first: the objects of the log; and how many requests are no turn yet."""
        running = backends.running + turns.waiting
        return as_json({"turns": turns.newest(limit, conversation), "running": running})

    @api.get("/warmprefix/api/turns/{turn}", responses=_NO_TURN)
    async def one_turn(turn: Annotated[str, Path(max_length=64)]) -> Response:
        """One turn, with the details that the log leaves out."""
        record = turns.get(turn)
        if record is None:
            raise HTTPException(404, "No such turn; the last thousand are kept.")
        return as_json(record)

    # A bare Response names no type, so the document lists only the described one.
    @api.get("/warmprefix/api/events", response_class=Response, responses=_EVENTS)
    async def events() -> Response:
        """Turns as they end, as server-sent events."""
        return StreamingResponse(_events(turns), 200, PRIVATE, "text/event-stream")

    _add_running(api, turns, running)
    _add_sums(api, turns)
    _add_metrics(api, turns)
    add_dashboard(api)
    return api


def _add_health(api: FastAPI, backends: Backends) -> None:
    @api.get("/warmprefix/health")
    async def health() -> Response:
        """200 while the proxy runs, whatever the backend does."""
        return as_json({"status": "ok", "version": __version__})

    @api.get("/warmprefix/ready", responses=_NO_ANSWER)
    async def ready() -> Response:
        """200 when a backend answers too."""
        answers = await backends.answer()
        return as_json(
            {"status": "ok" if answers else "backend unreachable"}, 200 if answers else 503
        )

    @api.get("/warmprefix/api/backends")
    async def list_backends() -> Response:
        """Every backend: whether it is healthy, what it answers now, how many conversations are assigned to
        it."""
        return as_json({"backends": await backends.listed()})

    _add_draining(api, backends)


def _add_draining(api: FastAPI, backends: Backends) -> None:
    # PUT and DELETE: a foreign page may send them only after a preflight, which we never allow.
    missing = described(404, "No backend is called so.")

    async def change(name: str, is_draining: bool) -> Response:
        if not backends.drain(name, is_draining=is_draining):
            raise HTTPException(404, "No backend is called so.")
        return as_json({"name": name, "draining": is_draining})

    @api.put("/warmprefix/api/backends/{name}/drain", responses=missing)
    async def drain(name: Annotated[str, Path(max_length=256)]) -> Response:
        """Give the backend no new conversations; those that it has stay, and running requests go on."""
        return await change(name, True)

    @api.delete("/warmprefix/api/backends/{name}/drain", responses=missing)
    async def end_draining(name: Annotated[str, Path(max_length=256)]) -> Response:
        """Give the backend new conversations again."""
        return await change(name, False)


def _add_running(api: FastAPI, turns: Turns, running: RunningRequests) -> None:
    @api.get("/warmprefix/api/running")
    async def list_running() -> Response:
        """Requests that are not answered yet, the oldest first: how far each is."""
        shown = turns.shows_excerpts
        return as_json({"running": [running_record(one, excerpts=shown) for one in running.all()]})


def _add_sums(api: FastAPI, turns: Turns) -> None:
    @api.get("/warmprefix/api/sums")
    async def sums() -> Response:
        """All turns added up, those of earlier starts too, and the breaks of this start by cause."""
        return as_json(turns.sums.record())

    @api.get("/warmprefix/api/conversations")
    async def list_conversations() -> Response:
        """Conversations of the turns that are kept, newest first."""
        return as_json({"conversations": conversations(turns.newest(_MAX_TURNS))})


def _add_metrics(api: FastAPI, turns: Turns) -> None:
    @api.get("/warmprefix/metrics", response_class=Response, responses=_METRICS)
    async def metrics(accept: Annotated[str, Header()] = "") -> Response:
        """Counters for Prometheus."""
        page, content_type = turns.metrics.page(accept)
        return Response(page, headers={"Content-Type": content_type})


async def _events(turns: Turns) -> AsyncIterator[bytes]:
    yield b": turns as they end\n\n"
    async for record in turns.watch():
        yield b"data: " + orjson.dumps(record) + b"\n\n"


def as_json(value: object, status: int = 200) -> Response:
    """A value as the answer."""
    return Response(orjson.dumps(value), status, PRIVATE, "application/json")
