"""The Lemonade double at the level of HTTP: errors, access, connections, other dialects.

Source of all rows, unless named: Lemonade Server at e385039ed (v11.7.0), observed live.
"""

import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.fakes.lemonade import Failure, LemonadeDouble, LemonadeOptions
from tests.fakes.lemonade_errors import WATCHDOG
from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes

MODEL = LemonadeOptions().models[0]
CHAT = "/v1/chat/completions"


def body(*messages: dict[str, Any], **fields: object) -> dict[str, Any]:
    """A chat request: one user message, and more."""
    first = {"role": "user", "content": "How are you?" + " Tell me." * 10}
    return {"model": MODEL, "messages": [first, *messages], **fields}


async def ask(lemonade: LemonadeDouble, **fields: object) -> Answer:
    """One chat request on a connection of its own."""
    return await exchange(lemonade.url, "POST", CHAT, body(**fields))


@dataclass(frozen=True)
class Error:
    """A request and the error it gets: the text if `error` is a string, else its `type`."""

    id: str
    status: int
    error: str
    method: str = "POST"
    target: str = CHAT
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()
    loaded: str | None = MODEL


LONG = {"role": "user", "content": "x" * 400}
NAMELESS = {"messages": [LONG]}
ERRORS = [
    Error("empty", 400, "Request body is required but was empty"),
    Error("bad-json", 400, "Invalid JSON in request body: *", body=b"{"),
    Error("bad-json-elsewhere", 500, "*", target="/v1/completions", body=b"{"),
    Error("unknown-model", 404, "model_not_found", body=body(model="nope")),
    Error("unknown-stream", 404, "model_not_found", body=body(model="nope", stream=True)),
    Error("unknown-get", 404, "model_not_found", "GET", "/v1/models/nope"),
    Error("no-model", 400, "invalid_request", body=NAMELESS),
    Error("no-model-stream", 200, "invalid_request", body={**NAMELESS, "stream": True}),
    Error("null-model", 404, "model_not_found", body=body(model=None)),
    Error(
        "none-loaded",
        400,
        "No model loaded and no model specified in request",
        body=NAMELESS,
        loaded=None,
    ),
    Error("no-messages", 400, "invalid_request_error", body={"model": MODEL}),
    Error("overflow", 400, "invalid_request_error", body=body(LONG)),
    Error("overflow-stream", 200, "exceed_context_size_error", body=body(LONG, stream=True)),
    Error("get", 405, "Method Not Allowed. Use POST for this endpoint", "GET"),
    Error("route", 404, "not_found", target="/v1/props", method="GET"),
    Error("messages-prefix", 404, "not_found", target="/api/v1/messages", body=body()),
    Error("origin", 403, "Origin not allowed", "GET", "/live", None, (("Origin", "http://e.x"),)),
]


@pytest.mark.parametrize("case", ERRORS, ids=[case.id for case in ERRORS])
async def test_errors(case: Error) -> None:
    options = LemonadeOptions(loaded=case.loaded, context_tokens=512)
    async with LemonadeDouble(options) as lemonade:
        answer = await exchange(lemonade.url, case.method, case.target, case.body, case.headers)

    whole = answer.json() if case.status >= 400 else answer.events()[-1]
    error = whole["error"] if isinstance(whole["error"], str) else whole["error"]["type"]
    assert answer.status == case.status
    assert error == case.error or (case.error.endswith("*") and error.startswith(case.error[:-1]))
    assert answer.header("connection") == ("close" if case.status >= 400 else "keep-alive")


async def test_the_overflow_outside_a_stream_has_its_own_code() -> None:
    async with LemonadeDouble(LemonadeOptions(context_tokens=100)) as lemonade:
        error = (await ask(lemonade)).json()["error"]

    assert error["code"] == "context_length_exceeded"
    assert error["details"]["response"]["error"]["n_ctx"] == 100


async def test_a_backend_error_ends_a_stream_without_done() -> None:
    async with LemonadeDouble() as lemonade:
        lemonade.fail_next(Failure(WATCHDOG, after_deltas=1))
        answer = await ask(lemonade, stream=True)
        after = await ask(lemonade)

    assert answer.status == 200
    assert answer.complete
    assert [list(event) for event in answer.events()][2:] == [["error"]]
    assert after.status == 200


@pytest.mark.parametrize(
    ("target", "header", "status"),
    [
        pytest.param("/v1/models", None, 401, id="none"),
        pytest.param("/v1/models", ("Authorization", "Bearer k"), 200, id="bearer"),
        pytest.param("/v1/models", ("Authorization", "Bearer adm"), 200, id="admin"),
        pytest.param("/v1/models", ("x-api-key", "k"), 401, id="x-api-key"),
        pytest.param("/live", None, 200, id="live"),
        pytest.param("/internal/config", ("Authorization", "Bearer k"), 401, id="internal"),
    ],
)
async def test_keys(target: str, header: tuple[str, str] | None, status: int) -> None:
    options = LemonadeOptions(api_key="k", admin_api_key="adm")
    async with LemonadeDouble(options) as lemonade:
        answer = await exchange(lemonade.url, "GET", target, headers=[header] if header else [])

    assert answer.status == status
    assert status == 200 or answer.json() == {"error": "Invalid or missing API key"}


async def test_a_loopback_origin_is_repeated_and_options_needs_no_key() -> None:
    origin = ("Origin", "http://localhost:3000")
    async with LemonadeDouble(LemonadeOptions(api_key="k")) as lemonade:
        answer = await exchange(lemonade.url, "OPTIONS", CHAT, headers=[origin])

    assert (answer.status, answer.header("content-length")) == (204, "0")
    assert answer.header("access-control-allow-origin") == origin[1]


async def test_json_is_compressed_when_asked_for_and_streams_are_not() -> None:
    accept = [("Accept-Encoding", "gzip")]
    async with LemonadeDouble() as lemonade:
        whole = await exchange(lemonade.url, "GET", "/v1/health", headers=accept)
        stream = await exchange(lemonade.url, "POST", CHAT, body(stream=True), accept)

    assert json.loads(gzip.decompress(whole.body))["model_loaded"] is None
    assert [value for name, value in whole.headers if name == "Vary"] == [
        "Accept-Encoding",
        "Origin",
    ]
    assert stream.header("content-encoding") is None


@pytest.mark.parametrize(
    "options",
    [LemonadeOptions(idle_timeout_s=0.05), LemonadeOptions(max_requests=1)],
    ids=["idle", "count"],
)
async def test_connections_end_when_idle_or_used_up(options: LemonadeOptions) -> None:
    async with LemonadeDouble(options) as lemonade, raw_client(lemonade.url) as client:
        await client.send(request_bytes("GET", "/live"))
        answer = await client.answer()

        assert await client.ended()
    assert answer.header("connection") == ("close" if options.max_requests == 1 else None)


@pytest.mark.parametrize("path", ["/logs/stream", "/realtime"])
async def test_websockets_on_the_main_port(path: str) -> None:
    async with (
        LemonadeDouble() as lemonade,
        connect(lemonade.url.replace("http", "ws") + path, compression=None) as socket,
    ):
        await socket.send("é")
        assert await socket.recv() == "é"
        await socket.send([b"a", b"b"])
        assert await socket.recv() == b"ab"
        await (await socket.ping())


@pytest.mark.parametrize(
    ("target", "request_body", "path", "cached"),
    [
        pytest.param("/v1/completions", {"prompt": "abc"}, ("timings", "cache_n"), 5, id="text"),
        pytest.param(
            "/v1/responses",
            {"input": "abc"},
            ("usage", "input_tokens_details", "cached_tokens"),
            None,
            id="responses",
        ),
    ],
)
async def test_where_other_dialects_report_reuse(
    target: str, request_body: dict[str, Any], path: tuple[str, ...], cached: int | None
) -> None:
    async with LemonadeDouble() as lemonade:
        for _ in range(2):
            answer = await exchange(lemonade.url, "POST", target, {"model": MODEL, **request_body})
        found = answer.json()
        for key in path:
            found = found[key]

        assert found == lemonade.counts[1].cached == (cached or lemonade.counts[0].prompt - 1)


async def test_anthropic_and_ollama_hide_reuse() -> None:
    async with LemonadeDouble() as lemonade:
        await ask(lemonade)
        ollama = await exchange(lemonade.url, "POST", "/api/chat", body(stream=False))
        anthropic = await exchange(lemonade.url, "POST", "/v1/messages", body())
        stream = await exchange(lemonade.url, "POST", "/v1/messages", body(stream=True))

    assert ollama.json()["prompt_eval_count"] == 1
    assert anthropic.json()["usage"] == {
        "input_tokens": lemonade.counts[0].prompt,
        "output_tokens": lemonade.counts[0].generated,
    }
    assert stream.body.startswith(b"event: message_start\ndata: {")
    assert b'"usage":{"input_tokens":0,"output_tokens":0}' in stream.body
