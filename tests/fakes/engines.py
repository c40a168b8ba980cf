"""Doubles of engines that keep their cache by themselves: their pages, and how each of them counts.

Shapes by their documentation and source, which proxy/warmprefix/backends/ names for each kind. Tokens are
characters of the messages as JSON; what was sent before is cached, in blocks.
"""

from dataclasses import dataclass
from os.path import commonprefix
from typing import Any

from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import dump, json_response, sse, stream_response

Json = dict[str, Any]

CREATED = 1795494234
CARD: Json = {"id": "m", "object": "model", "created": CREATED}
PYTHON = [("Server", "BaseHTTP/0.6 Python/3.12.3")]
UVICORN = [("Server", "uvicorn")]


@dataclass(frozen=True)
class Made:
    """How one engine is: `pages` by path; `block`: cached tokens are a multiple of it; `shows`: whether it
    counts cached tokens at all, and `shows_none`: also if there are none; `nulls`: every chunk of a stream has
    a `usage`."""

    pages: dict[str, list[Step]]
    block: int = 1
    shows: bool = True
    shows_none: bool = True
    nulls: bool = False


ENGINES: dict[str, Made] = {
    "vllm": Made(
        {
            "/version": json_response({"version": "0.32.0"}, headers=UVICORN),
            "/v1/models": json_response({"object": "list", "data": [{**CARD, "owned_by": "vllm"}]}),
        },
        block=16,
        shows_none=False,
    ),
    "sglang": Made(
        {
            "/server_info": json_response({"version": "0.5.23", "enable_cache_report": True}),
            "/v1/models": json_response(
                {"object": "list", "data": [{**CARD, "owned_by": "sglang"}]}
            ),
        },
        nulls=True,
    ),
    "mlx": Made(
        {
            "/health": json_response({"status": "ok"}, headers=PYTHON),
            "/v1/models": json_response({"object": "list", "data": [CARD]}, headers=PYTHON),
        }
    ),
    "ollama": Made(
        {
            "/": json_response(b"Ollama is running"),
            "/api/version": json_response({"version": "0.33.3"}),
            "/v1/models": json_response(
                {"object": "list", "data": [{**CARD, "owned_by": "library"}]}
            ),
        }
    ),
    "lm-studio": Made(
        {
            "/api/v0/models": json_response(
                {
                    "object": "list",
                    "data": [{"id": "m", "object": "model", "compatibility_type": "gguf"}],
                }
            ),
            "/v1/models": json_response(
                {"object": "list", "data": [{**CARD, "owned_by": "organization_owner"}]}
            ),
        },
        shows=False,
    ),
}

UNKNOWN_PAGE = "Unexpected endpoint or method. (GET {})"
"""What LM Studio says of a page that it does not have, with status 200."""


class EngineDouble(ScriptedBackend):
    """One of `ENGINES`. `says`: what it answers, as the members of a message."""

    def __init__(self, name: str, says: Json | None = None) -> None:
        super().__init__(otherwise=self._script)
        self.name, self.made = name, ENGINES[name]
        self.says = {"content": "It is 4 mm."} if says is None else says
        self._cache: list[str] = []

    @property
    def chats(self) -> list[Json]:
        """The chat requests so far."""
        return [request.json() for request in self.requests if request.method == "POST"]

    def _script(self, request: Request) -> list[Step]:
        if request.method == "POST":
            body = request.json()
            return self._text(body) if "prompt" in body else self._chat(body)
        page = self.made.pages.get(request.target)
        if page is not None:
            return list(page)
        if self.name == "lm-studio":
            return json_response({"error": UNKNOWN_PAGE.format(request.target)})
        return json_response({"detail": "Not Found"}, 404)

    def _chat(self, body: Json) -> list[Step]:
        usage = self._usage(body["messages"])
        reply = {"role": "assistant", **self.says}
        if not body.get("stream"):
            choice = {"index": 0, "message": reply, "finish_reason": "stop"}
            return json_response({**CARD, "model": "m", "choices": [choice], "usage": usage})
        return stream_response(self.events(reply, usage if _is_asked(body) else None))

    def _text(self, body: Json) -> list[Step]:
        usage = self._usage([body["prompt"]])
        parts: list[Json] = [{"text": self.says["content"]}, {"text": ""}]
        return stream_response(
            self._events("text_completion", parts, usage if _is_asked(body) else None)
        )

    def events(self, reply: Json, usage: Json | None) -> list[bytes]:
        """The events of a stream that says `reply`, with these counts if they are asked for."""
        deltas: list[Json] = [{"delta": reply}, {"delta": {}}]
        return self._events("chat.completion.chunk", deltas, usage)

    def _events(self, object_: str, parts: list[Json], usage: Json | None) -> list[bytes]:
        common = {**CARD, "object": object_, "model": "m"}
        none = {"usage": None} if self.made.nulls else {}
        ends = [None] * (len(parts) - 1) + ["stop"]
        chunks: list[object] = [
            {**common, "choices": [{"index": 0, **part, "finish_reason": end}], **none}
            for part, end in zip(parts, ends, strict=True)
        ]
        if usage is not None:
            chunks.append({**common, "choices": [], "usage": usage})
        return sse(*chunks, "[DONE]")

    def _usage(self, messages: list[Any]) -> Json:
        text = dump(messages).decode()[:-1]
        best = max((len(commonprefix([text, old])) for old in self._cache), default=0)  # noqa: RUF071  # characters are meant
        self._cache.append(text)
        cached = best // self.made.block * self.made.block
        usage: Json = {"prompt_tokens": len(text), "completion_tokens": 3}
        if self.made.shows and (cached or self.made.shows_none):
            usage["prompt_tokens_details"] = {"cached_tokens": cached}
        return usage


def _is_asked(body: Json) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))
