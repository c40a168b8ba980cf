"""A double of Lemonade Server 2026.39.1 on a real socket, with llama-server's cache behind it.

Source: the server itself (tests/servers/test_lemonade_double.py compares the two), and for what it does to a
request https://github.com/lemonade-sdk/lemonade at e385039ed. This file has access rules and routes; inference
is in lemonade_engine.py, bytes and shapes are in the other lemonade_*.py. Not doubled, answered with 501:
everything about audio, images, embeddings, downloads and routing, streamed `responses`, Ollama streams.
`max_tokens` is ignored.
"""

import json
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes import lemonade_errors as errors
from tests.fakes import lemonade_shapes as shapes
from tests.fakes.lemonade_cache import Counts
from tests.fakes.lemonade_engine import SHAPES, Engine, LemonadeOptions, Refused, ReplyTo
from tests.fakes.lemonade_errors import Failure
from tests.fakes.lemonade_shapes import Reply
from tests.fakes.lemonade_slots import slot_shape
from tests.fakes.lemonade_websocket import echo, is_upgrade
from tests.fakes.lemonade_wire import Wire, answered
from tests.fakes.scripted import GAP_S, ScriptedBackend, Step, Talk
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import JsonObject

PREFIXES = ("/api/v0/", "/api/v1/", "/v0/", "/v1/")
GUARDED = ("/api/", "/v0/", "/v1/", "/mcp", "/metrics", "/internal/")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WEBSOCKETS = ("/realtime", "/logs/stream")
NOT_THE_PAGE = ("/api/", "/v0/", "/v1/", "/internal/", "/docs", "/status", "/mcp", "/metrics")
"""Prefixes below which an unknown address is answered with 404 and not with the page."""
POSTED = (*SHAPES, "classify", "load", "unload", "tokenize", "embeddings", "rerank", "reranking", "pull",
          "delete", "audio/transcriptions", "audio/speech", "images/generations")  # fmt: skip
"""Endpoints that answer 405 to GET; those without an answer of their own here get 501."""

__all__ = ["Counts", "Failure", "LemonadeDouble", "LemonadeOptions", "Reply"]


def say_hi(_: JsonObject) -> str:
    """The default reply."""
    return "Say hi."


class LemonadeDouble:
    """`async with LemonadeDouble(options, reply) as lemonade:` serves on `lemonade.url`."""

    def __init__(
        self,
        options: LemonadeOptions | None = None,
        reply: ReplyTo = say_hi,
        *,
        gap_s: float = GAP_S,
    ) -> None:
        self.options = options or LemonadeOptions()
        self.engine = Engine(self.options, reply)
        self.backend = ScriptedBackend(
            otherwise=self.answer,
            idle_timeout_s=self.options.idle_timeout_s,
            max_requests=self.options.max_requests,
            gap_s=gap_s,
        )

    @property
    def url(self) -> str:
        """Base address, without a trailing slash and without a prefix."""
        return self.backend.url

    @property
    def requests(self) -> list[Request]:
        """Every request as received."""
        return self.backend.requests

    @property
    def seen(self) -> list[JsonObject]:
        """Inference requests as llama-server got them."""
        return self.engine.seen

    @property
    def counts(self) -> list[Counts]:
        """Token counts of the inference requests."""
        return self.engine.counts

    def fail_next(self, failure: Failure) -> None:
        """Make the next evaluated request fail."""
        self.engine.failures.append(failure)

    def erase_idle_slots(self) -> None:
        """Do now what the idle downsize does after its timeout."""
        self.engine.slots.erase()

    async def __aenter__(self) -> Self:
        await self.backend.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.backend.__aexit__()

    def answer(self, request: Request) -> list[Step]:
        """The steps that answer one request. Origin before key: the order was not observed."""
        wire = Wire(request, self.options.idle_timeout_s, self.options.max_requests)
        parts = urlsplit(request.target)
        if not self._origin_allowed(request.header("origin")):
            return answered(wire, 403, {"error": errors.FOREIGN_ORIGIN})
        if request.method == "OPTIONS":
            return [wire.answer(204, b"")]
        if not self._authorised(request, parts.path):
            return answered(wire, 401, {"error": errors.UNAUTHORIZED})
        if parts.path in WEBSOCKETS and is_upgrade(request):
            return [Talk(echo)]
        try:
            return self._route(wire, parts.path, parts.query)
        except Refused as refused:
            return answered(wire, refused.status, refused.body)

    def _origin_allowed(self, origin: str | None) -> bool:
        if origin is None or {"*", origin} & set(self.options.allowed_origins):
            return True
        return urlsplit(origin).hostname in LOOPBACK

    def _authorised(self, request: Request, path: str) -> bool:
        """Only `Authorization: Bearer` counts; the admin key is valid everywhere."""
        admin = path.startswith("/internal/")
        wanted = self.options.admin_api_key if admin else self.options.api_key
        if wanted is None or not path.startswith(GUARDED):
            return True
        keys = {wanted, self.options.admin_api_key} - {None}
        return request.header("authorization") in {f"Bearer {key}" for key in keys}

    def _route(self, wire: Wire, path: str, query: str) -> list[Step]:
        name = endpoint_of(path)
        method = wire.request.method
        if name in POSTED and method == "GET":
            return answered(wire, 405, {"error": errors.USE_POST})
        if name in SHAPES and method == "POST":
            return self.engine.infer(name, wire)
        body = self._look(name) if method == "GET" else None
        if method == "POST":
            body = self._act(name, query, wire.request)
            if body is None and name in POSTED:
                return answered(wire, 501, {"error": f"the double has no {name}"})
        if body is not None:
            return answered(wire, 200, body)
        if method == "GET" and not path.startswith(NOT_THE_PAGE):
            return [wire.answer(200, shapes.PAGE, "text/html")]
        unknown = {"error": errors.NO_DOCS} if path.startswith("/docs") else errors.no_route(path)
        return answered(wire, 404, unknown)

    def _look(self, name: str) -> object:
        """Body of a GET, or None for an unknown address."""
        context, engine = self.options.context_tokens, self.engine
        kind, _, rest = name.partition("/")
        match kind, rest:
            case "", "live":
                return {"status": "ok"}
            case "health", "":
                return shapes.health(engine.loaded, context, self.backend.port)
            case "models", "":
                return shapes.models(self.options.models, context)
            case "models", model:
                return shapes.model(engine.resolve(model), context)
            case "stats", "":
                return engine.stats.body()
            case "slots", "":
                return self._slots()
            case "docs", "":
                return shapes.docs()
        return None

    def _act(self, name: str, query: str, request: Request) -> object:
        """Body of a POST that is no inference, or None for an unknown address."""
        kind, _, number = name.partition("/")
        if kind == "slots" and number.isdecimal():
            return self._erase(int(number), query)
        if kind == "classify":
            raise Refused(400, errors.NO_TEXT)
        if kind not in ("load", "unload", "tokenize"):
            return None
        body = json.loads(request.body or b"{}")
        if kind == "tokenize":
            step = self.options.characters_per_token
            return {"tokens": [ord(character) for character in body["content"][::step]]}
        if kind == "unload":
            was, self.engine.loaded = self.engine.loaded, None
            self.engine.load(None)
            if "model_name" not in body:
                return {"message": "All models unloaded successfully", "status": "success"}
            message = "Model unloaded successfully"
            return {"message": message, "model_name": was, "status": "success"}
        model = self.engine.resolve(body["model_name"])
        self.engine.load(model)
        named = {"checkpoint": shapes.gguf(model), "model_name": model}
        return {**named, "recipe": "llamacpp", "status": "success"}

    def _slots(self) -> list[JsonObject]:
        """`slots`, as llama-server has them."""
        engine = self.engine
        if engine.loaded is None:
            raise Refused(400, errors.no_model_for("query"))
        held = [
            engine.slots.tokens(slot.text) if slot.was_used else None for slot in engine.slots.slots
        ]
        return [slot_shape(n, tokens, self.options.context_tokens) for n, tokens in enumerate(held)]

    def _erase(self, number: int, query: str) -> JsonObject:
        """`slots/{n}?action=erase`; the only part of a saving server that is doubled."""
        action = parse_qs(query).get("action", [""])[0]
        if self.engine.loaded is None:
            raise Refused(400, errors.no_model_for(f"{action} operation"))
        if not self.options.saves_slots:
            refusal = errors.NO_SLOT_ACTIONS
            raise Refused(refusal.code, refusal.answer_body())
        if action != "erase":
            raise Refused(501, {"error": "the double can only erase a slot"})
        return {"id_slot": number, "n_erased": self.engine.slots.erase(number)}


def endpoint_of(path: str) -> str:
    """The endpoint without its prefix; `/v1/messages` and absolute addresses stay as they are."""
    if path == "/v1/messages":
        return path
    prefix = next((prefix for prefix in PREFIXES if path.startswith(prefix)), "")
    return path.removeprefix(prefix)
