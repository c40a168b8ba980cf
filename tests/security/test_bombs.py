"""Small requests that grow: deep, wide, long and compressed bodies are answered, and arrive as they came."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import json_response
from tests.security.hostile import CHAT, HANG_S, OK

USER = b'{"role":"user","content":"hi"}'


def chat(messages: bytes = USER, more: bytes = b"") -> bytes:
    """A request with these messages and these members behind them."""
    return b'{"model":"m","messages":[' + messages + b"]" + more + b"}"


def arguments(text: str) -> bytes:
    """A message that calls a tool with these arguments, and nothing behind it."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
    return USER + b"," + json.dumps({"role": "assistant", "tool_calls": [call]}).encode()


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def nested_objects(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def everywhere(value: bytes) -> dict[str, bytes]:
    """A request for each place in which a value may stand."""
    tool = b'{"type":"function","function":{"name":"f","parameters":' + value + b"}}"
    return {
        "top": chat(more=b',"x":' + value),
        "message": chat(b'{"role":"user","content":"hi","x":' + value + b"}"),
        "content": chat(b'{"role":"user","content":' + value + b"}"),
        "part": chat(b'{"role":"user","content":[{"type":"x","x":' + value + b"}]}"),
        "tools": chat(more=b',"tools":[' + tool + b"]"),
        "messages": b'{"messages":' + value + b"}",
        "body": value,
        "arguments": chat(arguments(value.decode())),
        "reasoning": chat(b'{"role":"assistant","reasoning_content":' + value + b"}," + USER),
    }


BOMBS: dict[str, bytes] = {
    f"{what}-{place}": body
    for what, value in {
        "deep-arrays": nested(2_000),
        "deeper-arrays": nested(100_000),
        "deep-objects": nested_objects(2_000),
        "deeper-objects": nested_objects(100_000),
        "long-integer": b"1" * 100_000,
        "long-fraction": b"0." + b"1" * 100_000,
        "large-exponent": b"1e999999999",
        "escapes": b'"' + b"\\u0041" * 100_000 + b'"',
        "lone-surrogates": b'"' + b"\\ud800" * 50_000 + b'"',
        "backslashes": b'"' + b"\\\\" * 200_000 + b'"',
        "escaped-quotes": b'"' + b'\\"' * 200_000 + b'"',
        "same-member": b"{" + b",".join([b'"a":1'] * 50_000) + b"}",
        "many-members": b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}",
        "many-values": b"[" + b",".join([b"0"] * 100_000) + b"]",
        "many-objects": b"[" + b",".join([b"{}"] * 100_000) + b"]",
    }.items()
    for place, body in everywhere(value).items()
}
WIDE = {
    "100000-messages": chat(b",".join([USER] * 100_000)),
    "20000-calls": chat(
        USER
        + b',{"role":"assistant","tool_calls":['
        + b",".join(
            b'{"id":"%d","type":"function","function":{"name":"f","arguments":"{}"}}' % n
            for n in range(20_000)
        )
        + b"]}"
    ),
    "20000-parts": chat(
        b'{"role":"user","content":[' + b",".join([b'{"type":"text","text":"a"}'] * 20_000) + b"]}"
    ),
    "unclosed-arrays": b"[" * (1 << 20),
    "unclosed-messages": b'{"messages":[' + b"[" * (1 << 20),
    "unclosed-objects": b'{"messages":' + b'{"a":' * (1 << 18),
    "unclosed-string": b'{"messages":["' + b'\\"' * (1 << 19),
    "quotes": b'"' * (1 << 20),
    "only-closing": b"]}" * (1 << 19),
    "blanks": b" " * (1 << 20),
    "blanks-and-messages": b" " * (1 << 20) + chat(),
    "nul-bytes": b"\0" * (1 << 20),
    "no-utf-8": chat(b'{"role":"user","content":"' + b"\xff" * (1 << 20) + b'"}'),
    "duplicates-everywhere": b'{"model":"a","model":"b","messages":[' + USER + b'],"messages":[]}',
    "duplicate-role": chat(b'{"role":"user","role":"system","content":"a","content":"b"}'),
    "duplicate-escaped": chat(b'{"role":"user","r\\u006fle":"system","content":"a"}'),
}


def may_become(before: bytes, after: bytes) -> bool:
    """The same bytes, or another spelling of the messages: everything around them stays as it is."""
    if before == after:
        return True
    old, new = json.loads(before), json.loads(after)
    return {**old, "messages": 0} == {**new, "messages": 0} and len(old["messages"]) == len(
        new["messages"]
    )


@pytest.mark.parametrize("name", [*BOMBS, *WIDE])
async def test_a_bomb_is_forwarded_and_answered(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = {**BOMBS, **WIDE}[name]
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answers = [await exchange(proxy.url, "POST", CHAT, body) for _ in range(2)]
        records = await proxy.records()

    assert [answer.status for answer in answers] == [200, 200]
    assert [record["outcome"] for record in records] == ["ok", "ok"]
    assert all(may_become(body, request.body) for request in backend.requests)
    assert caplog.text == ""


REPLIES = {
    "deep": b'{"choices":' + nested(100_000) + b"}",
    "deep-objects": nested_objects(100_000),
    "unclosed": b'{"choices":[{"message":' + b"[" * (1 << 20),
    "long-number": b'{"usage":{"prompt_tokens":' + b"9" * 100_000 + b"}}",
    "negative-counts": b'{"usage":{"prompt_tokens":-5,"completion_tokens":1e400}}',
    "no-json": b"\xff" * (1 << 20),
    "wrong-types": b'{"choices":{"message":1},"usage":[],"timings":"x","model":{}}',
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_a_bomb_from_the_backend_reaches_the_client_as_it_is(
    reply: bytes, stream: bool
) -> None:
    data = b"data: " + reply + b"\n\n" if stream else reply
    headers = [("Content-Type", "text/event-stream")] if stream else []
    script = json_response(data, headers=headers)
    tools = b',"tools":[{"type":"function","function":{"name":"f"}}]'
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=script) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answers = [
            await exchange(proxy.url, "POST", CHAT, body) for body in (chat(), chat(more=tools))
        ]
        page = await exchange(proxy.url, "GET", "/warmprefix/api/turns")
        metrics = await exchange(proxy.url, "GET", "/warmprefix/metrics")

    assert [answer.body for answer in answers] == [data, data]
    assert (page.status, metrics.status) == (200, 200)


ZEROS = chat(b'{"role":"user","content":"' + b"0" * (64 << 20) + b'"}')


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


COMPRESSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: gzip.compress(ZEROS, 6)),
    "gzip-upper": ("GZIP", lambda: gzip.compress(ZEROS, 6)),
    "gzip-twice": ("gzip, gzip", lambda: gzip.compress(gzip.compress(ZEROS, 6))),
    "deflate": ("deflate", lambda: zlib.compress(ZEROS, 6)),
    "deflate-raw": ("deflate", lambda: deflated(ZEROS)),
    "br": ("br", lambda: b"\x1b\xff\xff\xff" * 1000),
    "zstd": ("zstd", lambda: b"\x28\xb5\x2f\xfd" * 1000),
    "x-gzip": ("x-gzip", lambda: gzip.compress(ZEROS, 6)),
    "not-what-it-says": ("gzip", chat),
    "unknown": ("bomb", lambda: b"\0" * 1000),
}


@pytest.mark.parametrize("name", COMPRESSED)
async def test_a_compressed_body_is_passed_on_and_never_inflated(name: str) -> None:
    coding, make = COMPRESSED[name]
    body = make()
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        headers = [("Content-Encoding", coding)]
        answer = await exchange(proxy.url, "POST", CHAT, body, headers)
        records = await proxy.records()
    (request,) = backend.requests

    assert answer.status == 200
    assert (request.body, request.header("content-encoding")) == (body, coding)
    assert records == []  # nobody read it, so nobody says what was in it


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
async def test_a_compressed_reply_is_passed_on_and_never_inflated(coding: str) -> None:
    packed = gzip.compress(ZEROS, 6)
    script = json_response(packed, headers=[("Content-Encoding", coding)])
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=script) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", CHAT, chat())

    assert answer.body == packed
    assert answer.header("content-encoding") == coding
