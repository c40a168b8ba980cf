"""The Lemonade double and the real Lemonade Server answer alike: status, headers, and every member's shape.

What is said inside differs (the double's model always says the same); which members there are and of what type
does not. The tests of the proxy stand on the double; this one says that they stand on the server too.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.lemonade import LemonadeDouble, LemonadeOptions
from tests.fakes.raw_client import Answer, exchange
from tests.servers.lemonade import CONTEXT, MODELS, LemonadeServer, can_start

pytestmark = pytest.mark.backend

MODEL = MODELS[0]
USER = {"role": "user", "content": "How are you?"}
CHAT = "/v1/chat/completions"
LONG = {"role": "user", "content": "x" * (CONTEXT + 100)}
KEY, ADMIN = "k", "adm"


def chat(**fields: object) -> dict[str, Any]:
    """A short chat request."""
    return {"model": MODEL, "messages": [USER], "max_tokens": 4, **fields}


@dataclass(frozen=True)
class Row:
    """One request. `body` is JSON unless it is bytes; `to` is one of the servers below."""

    id: str
    method: str
    target: str
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()
    to: str = "loaded"


def get(id: str, target: str, *headers: tuple[str, str], to: str = "loaded") -> Row:
    return Row(id, "GET", target, None, headers, to)


def post(id: str, target: str, body: object, *, to: str = "loaded") -> Row:
    return Row(id, "POST", target, body, (), to)


USAGE = {"stream": True, "stream_options": {"include_usage": True}}
PROMPT = {"model": MODEL, "prompt": "abc", "max_tokens": 4}
NAMELESS = {"messages": [USER], "max_tokens": 4}
GZIP = ("Accept-Encoding", "gzip")
OWN_PAGE = ("Origin", "http://localhost:3000")
ROWS = [
    get("live", "/live"),
    get("health-new", "/api/v1/health", to="new"),
    get("health", "/api/v1/health"),
    get("models", "/v1/models"),
    get("model", f"/v1/models/{MODEL}"),
    get("unknown-model-get", "/v1/models/nope"),
    get("stats-new", "/v1/stats", to="new"),
    get("stats", "/v1/stats"),
    get("slots-new", "/v1/slots", to="new"),
    get("slots", "/v1/slots"),
    get("docs", "/v1/docs"),
    get("docs-unprefixed", "/docs"),
    get("root", "/"),
    get("props", "/props"),
    get("slots-unprefixed", "/slots"),
    get("health-unprefixed", "/health"),
    get("unknown", "/foo"),
    get("unknown-number", "/v2/x"),
    get("unknown-api", "/api/foo"),
    get("unknown-internal", "/internal/foo"),
    get("status", "/status"),
    get("unknown-prefixed", "/v1/nope"),
    get("props-prefixed", "/v1/props"),
    get("chat-get", CHAT),
    get("classify-get", "/v1/classify"),
    get("compressed", "/v1/models", GZIP),
    get("compressed-page", "/props", GZIP),
    get("origin-foreign", "/live", ("Origin", "http://e.x")),
    get("origin-loopback", "/live", OWN_PAGE),
    Row("options", "OPTIONS", CHAT, headers=(OWN_PAGE,)),
    Row("chat-put", "PUT", CHAT, chat()),
    Row("chat-delete", "DELETE", CHAT),
    Row("models-put", "PUT", "/v1/models", {}),
    post("unknown-post", "/foo", {}),
    post("props-post", "/props", {}),
    post("completion", "/completion", {}),
    post("unknown-post-prefixed", "/v1/nope", {}),
    post("messages-prefixed", "/api/v1/messages", chat()),
    post("classify", "/v1/classify", {}),
    post("erase", "/v1/slots/0?action=erase", {}),
    post("save", "/v1/slots/0?action=save", {"filename": "x"}),
    post("erase-none", "/v1/slots/9?action=erase", {}),
    post("erase-new", "/v1/slots/0?action=erase", {}, to="new"),
    post("tokenize", "/v1/tokenize", {"content": "abc"}),
    post("chat", CHAT, chat()),
    post("chat-stream", CHAT, chat(stream=True)),
    post("chat-usage", CHAT, chat(**USAGE)),
    post("empty", CHAT, b""),
    post("bad-json", CHAT, b"{"),
    post("bad-json-elsewhere", "/v1/completions", b"{"),
    post("no-object", CHAT, b"[]"),
    post("unknown-model", CHAT, chat(model="nope")),
    post("unknown-model-stream", CHAT, chat(model="nope", stream=True)),
    post("no-model", CHAT, NAMELESS),
    post("no-model-stream", CHAT, {**NAMELESS, "stream": True}),
    post("null-model", CHAT, chat(model=None)),
    post("null-model-stream", CHAT, chat(model=None, stream=True)),
    post("null-model-new", CHAT, chat(model=None), to="new"),
    post("no-model-new", CHAT, NAMELESS, to="new"),
    post("no-messages", CHAT, {"model": MODEL}),
    post("no-messages-stream", CHAT, {"model": MODEL, "stream": True}),
    post("overflow", CHAT, chat(messages=[LONG])),
    post("overflow-stream", CHAT, chat(messages=[LONG], stream=True)),
    post("two-replies", CHAT, chat(n=2)),
    post("two-replies-stream", CHAT, chat(n=2, stream=True)),
    post("completions", "/v1/completions", PROMPT),
    post("completions-stream", "/v1/completions", {**PROMPT, "stream": True}),
    post("responses", "/v1/responses", {"model": MODEL, "input": "abc", "max_output_tokens": 4}),
    post("messages", "/v1/messages", chat()),
    post("messages-stream", "/v1/messages", chat(stream=True)),
    post("ollama", "/api/chat", chat(stream=False, options={"num_predict": 4})),
    post("erase-saving", "/v1/slots/0?action=erase", {}, to="saving"),
    get("slots-saving", "/v1/slots", to="saving"),
    get("keyless", "/v1/models", to="keyed"),
    get("keyless-health", "/api/v1/health", to="keyed"),
    get("keyless-live", "/live", to="keyed"),
    get("keyless-page", "/props", to="keyed"),
    get("key", "/v1/models", ("Authorization", f"Bearer {KEY}"), to="keyed"),
    get("key-admin", "/v1/models", ("Authorization", f"Bearer {ADMIN}"), to="keyed"),
    get("key-otherwise", "/v1/models", ("X-Api-Key", KEY), to="keyed"),
    get("key-wrong", "/v1/models", ("Authorization", "Bearer x"), to="keyed"),
    get("key-internal", "/internal/config", ("Authorization", f"Bearer {KEY}"), to="keyed"),
    post("keyless-chat", CHAT, chat(), to="keyed"),
    Row("keyless-options", "OPTIONS", CHAT, headers=(OWN_PAGE,), to="keyed"),
]  # fmt: skip


DOUBLES = {
    "new": LemonadeOptions(MODELS, context_tokens=CONTEXT),
    "loaded": LemonadeOptions(MODELS, context_tokens=CONTEXT),
    "saving": LemonadeOptions(MODELS, context_tokens=CONTEXT, saves_slots=True),
    "keyed": LemonadeOptions(MODELS, context_tokens=CONTEXT, api_key=KEY, admin_api_key=ADMIN),
}
HAVE_ANSWERED = ("loaded", "saving")
"""Those that have answered one chat before."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LemonadeServer]]:
    """The real ones, set up as their doubles are."""
    if not can_start():
        pytest.skip("no lemond; make servers")
    folder = tmp_path_factory.mktemp("slots")
    keys = {"LEMONADE_API_KEY": KEY, "LEMONADE_ADMIN_API_KEY": ADMIN}
    found = {
        "new": LemonadeServer(),
        "loaded": LemonadeServer(),
        "saving": LemonadeServer("--slot-save-path", f"{folder}/"),
        "keyed": LemonadeServer(environment=keys),
    }
    try:
        for name, server in found.items():
            server.start()
            if name in HAVE_ANSWERED:
                server.post(CHAT, chat())
        yield found
    finally:
        for server in found.values():
            server.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_double_and_server_answer_alike(row: Row, servers: dict[str, LemonadeServer]) -> None:
    real = await sent(servers[row.to].url, row)
    async with LemonadeDouble(DOUBLES[row.to]) as double:
        if row.to in HAVE_ANSWERED:
            await exchange(double.url, "POST", CHAT, chat())
        ours = await sent(double.url, row)

    assert shown(ours) == shown(real)


async def sent(url: str, row: Row) -> Answer:
    async with asyncio.timeout(30):
        return await exchange(url, row.method, row.target, row.body, row.headers)


def shown(answer: Answer) -> dict[str, object]:
    """What must be the same in both. The order of headers is chance, as in a table of hashes."""
    lengths = ("content-length",)
    headers = [(name, "" if name.lower() in lengths else value) for name, value in answer.headers]
    return {"status": answer.status, "headers": sorted(headers), "body": body_of(answer)}


def body_of(answer: Answer) -> object:
    """The shape of JSON and of each event, else whether there is a body at all."""
    kind = answer.header("content-type")
    if answer.header("content-encoding") or kind not in ("application/json", "text/event-stream"):
        return bool(answer.body)
    if kind == "application/json":
        return shape(answer.json())
    texts = answer.body.decode().split("\n\n")
    return collapsed([event_shape(text) for text in texts if text != ": ping"])


def event_shape(text: str) -> object:
    """An event line by line: the shape of its data, anything else as it is."""
    lines: list[object] = []
    for line in text.split("\n"):
        data = line.removeprefix("data: ")
        lines.append(shape(json.loads(data), ordered=True) if data.startswith("{") else line)
    return lines


def collapsed(shapes: Sequence[object]) -> list[object]:
    """Each run of equal shapes once: the number of deltas is the model's."""
    return [item for before, item in zip([None, *shapes], shapes, strict=False) if item != before]


BY_SIZE = ("size",)
"""A model's size in GB, rounded; left out if that is 0."""


def shape(value: object, *, ordered: bool = False) -> object:
    """Names and types. The order of members is llama-server's in a stream, else sorted anyway."""
    if isinstance(value, dict):
        names = list(value) if ordered else sorted(value)
        return [
            (name, shape(value[name], ordered=ordered)) for name in names if name not in BY_SIZE
        ]
    if isinstance(value, list):
        return ["list", *collapsed([shape(item, ordered=ordered) for item in value])]
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__
