"""What is asked and said in headers: other origins, HEAD, encodings, types, and long targets."""

import gzip
import json

import pytest

from tests.conformance.cases import CHAT, Case, check, name_of
from tests.conformance.prompts import MESSAGES
from tests.fakes.llama import LlamaServer

pytestmark = pytest.mark.backend

CHAT_BODY = {"messages": MESSAGES, "max_tokens": 2, "temperature": 0}
STREAM_BODY = {**CHAT_BODY, "stream": True}
ORIGIN = ("Origin", "http://localhost:3000")
PREFLIGHT = (ORIGIN, ("Access-Control-Request-Method", "POST"),
             ("Access-Control-Request-Headers", "authorization"))  # fmt: skip
ALLOWED = {
    "header.access-control-allow-origin": "http://localhost:3000",
    "header.access-control-allow-credentials": "true",
    "header.access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "header.access-control-allow-headers": "*",
    "header.content-length": "0",
}
SEEN = {"header.access-control-allow-origin": "http://localhost:3000", "header.server": "llama.cpp"}
ZIPPED = (("Content-Encoding", "gzip"),)
UNZIPPABLE = {"header.content-length": "0"}
JSON_TYPE = {"header.content-type": "application/json; charset=utf-8"}


def zipped(body: object) -> bytes:
    """A body as some clients send it."""
    return gzip.compress(json.dumps(body).encode(), mtime=0)


CASES = [
    Case("preflight-chat", CHAT, None, 200, ALLOWED, "OPTIONS", PREFLIGHT),
    Case("preflight-models", "/v1/models", None, 200, ALLOWED, "OPTIONS", PREFLIGHT),
    Case("preflight-nothing", "/nothing", None, 200, ALLOWED, "OPTIONS", PREFLIGHT),
    Case("options-bare", CHAT, None, 200, {"header.access-control-allow-origin": ""}, "OPTIONS"),
    Case("options-everything", "*", None, 200, {"text": ""}, "OPTIONS"),
    Case("options-slots", "/slots", None, 200, ALLOWED, "OPTIONS", PREFLIGHT),
    Case("origin-chat", CHAT, CHAT_BODY, 200, {**SEEN, **JSON_TYPE}, headers=(ORIGIN,)),
    Case("origin-stream", CHAT, STREAM_BODY, 200, {
        **SEEN, "header.x-accel-buffering": "no"}, headers=(ORIGIN,)),
    Case("origin-models", "/v1/models", None, 200, SEEN, "GET", (ORIGIN,)),
    Case("origin-error", CHAT, {}, 400, SEEN, headers=(ORIGIN,)),
    Case("origin-null", "/health", None, 200, {"header.access-control-allow-origin": "null"}, "GET",
        (("Origin", "null"),)),
    Case("head-health", "/health", None, 200, {"header.content-length": "15"}, "HEAD"),
    Case("head-models", "/v1/models", None, 200, JSON_TYPE, "HEAD"),
    Case("head-nothing", "/nothing", None, 404, JSON_TYPE, "HEAD"),
    Case("head-chat", CHAT, None, 404, JSON_TYPE, "HEAD"),
    Case("zipped-chat", CHAT, zipped(CHAT_BODY), 415, UNZIPPABLE, headers=ZIPPED),
    Case("zipped-tokenize", "/tokenize", zipped({"content": "a"}), 415, UNZIPPABLE, headers=ZIPPED),
    Case("identity", CHAT, CHAT_BODY, 200, {"choices.#": 1}, headers=(("Content-Encoding", "identity"),)),
    Case("unknown-coding", "/tokenize", {"content": "a"}, 415, UNZIPPABLE,
        headers=(("Content-Encoding", "zstd"),)),
    Case("accepts-zipped", CHAT, CHAT_BODY, 200, {
        "header.content-encoding": None}, headers=(("Accept-Encoding", "gzip, br"),)),
    Case("accepts-zipped-props", "/props", None, 200, {"header.content-encoding": None}, "GET",
        (("Accept-Encoding", "gzip"),)),
    Case("accepts-events", CHAT, STREAM_BODY, 200, {"-1": "[DONE]"}, headers=(
        ("Accept", "text/event-stream"),)),
    Case("range", "/health", None, 200, {"status": "ok"}, "GET",
        (("Range", "bytes=0-3"),)),
    Case("if-none-match", "/health", None, 200, {"status": "ok"}, "GET", (("If-None-Match", '"a"'),)),
    Case("conversation", CHAT, CHAT_BODY, 200, {"choices.#": 1}, headers=(
        ("X-Session-Id", "s1"), ("X-Request-Id", "r1"), ("User-Agent", "a-client/1.0"))),
    Case("twice", "/health", None, 200, {"status": "ok"}, "GET", (("X-A", "1"), ("X-A", "2"))),
    Case("long-header", "/health", None, 200, {"status": "ok"}, "GET", (("X-A", "a" * 4000),)),
    Case("long-query", f"/health?{'a' * 4000}", None, 200, {"status": "ok"}, "GET"),
    Case("forwarded", "/health", None, 200, {"status": "ok"}, "GET", (
        ("X-Forwarded-For", "10.0.0.1"), ("Via", "1.1 a"))),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_headers(case: Case, one: LlamaServer) -> None:
    await check(case, one)


TYPES = [
    Case(f"type-{kind.partition('/')[2] or 'none'}", CHAT, CHAT_BODY, 200, {"choices.#": 1},
        headers=(("Content-Type", kind),))
    for kind in ("text/plain", "application/json; charset=latin-1")
]  # fmt: skip


@pytest.mark.parametrize("case", TYPES, ids=name_of)
async def test_a_body_of_another_type(case: Case, one: LlamaServer) -> None:
    """llama-server reads JSON whatever the type says; the first of two headers counts."""
    await check(case, one)
