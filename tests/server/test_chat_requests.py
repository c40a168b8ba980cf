"""What the backend gets of a chat request: the client's bytes, but for what a rule changes."""

import json
from dataclasses import dataclass

import pytest

from tests.fakes.raw_client import Answer, exchange, raw_client
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import chat_reply, json_response

CHAT = "/v1/chat/completions"
OK = json_response(chat_reply("hi", 5, 0))
REFUSED = json_response(
    {"error": {"message": "not this one", "type": "invalid_request_error", "code": 400}}, 400
)


async def sent(body: bytes, headers: list[tuple[str, str]] | None = None) -> tuple[bytes, Answer]:
    """The body that reached the backend, and the answer that reached the client."""
    async with Backend(REFUSED) as backend, running_proxy(backend.url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, body, headers or [])

    assert len(backend.requests) == 1
    return backend.requests[0].body, answer


@dataclass(frozen=True)
class Case:
    """A body that has to reach the backend as it is."""

    id: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def messages(text: bytes) -> bytes:
    """A request around the JSON of its messages."""
    return b'{"model":"m","messages":[' + text + b"]}"


USER = b'{"role":"user","content":"hi"}'
CALL = (
    b'{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":'
    b'{"name":"f","arguments":"%b"}}]},{"role":"tool","content":"1","tool_call_id":"c1","name":"f"}'
)

UNDERSTOOD = [
    Case("plain", messages(USER)),
    Case("spacing", b' {\n\t"messages" : [ ' + USER + b' ,\r\n' + USER + b' ] , "stream" :false }\n'),
    Case("unknown-members", b'{"x":{"b":1,"a":[2]},"messages":[' + USER + b'],"z":null}'),
    Case("big-integer-argument", messages(USER + b"," + CALL % rb"{\"n\":123456789012345678901234567890}")),
    Case("duplicate-key-in-arguments", messages(USER + b"," + CALL % rb"{\"a\":1,\"a\":2}")),
    Case("exponent", b'{"temperature":1e1,"top_p":1.0,"messages":[' + USER + b"]}"),
    Case("escapes", messages(rb'{"role":"user","content":"\u00e9\/\u0041"}')),
    Case("line-separators", messages('{"role":"user","content":"a\u2028b\u0085c"}'.encode())),
    Case("lone-surrogate-message", messages(rb'{"role":"user","content":"\ud83d"}')),
    Case("member-twice-in-a-message", messages(b'{"role":"user","content":"a","content":"b"}')),
    Case("picture", messages(
        b'{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}'
    )),
]  # fmt: skip

NOT_UNDERSTOOD = [
    Case("empty", b""),
    Case("not-json", b"{"),
    Case("not-an-object", b"[1, 2]"),
    Case("a-string", b'"messages"'),
    Case("no-messages", b'{"model":"m"}'),
    Case("messages-no-array", b'{"messages":"hi"}'),
    Case("messages-null", b'{"messages":null}'),
    Case("nested-400-deep", b'{"messages":[' + USER + b'],"x":' + b"[" * 400 + b"]" * 400 + b"}"),
    Case("nested-100000-deep", b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    Case("integer-over-64-bits", b'{"seed":123456789012345678901234567890,"messages":[' + USER + b"]}"),
    Case("nan", b'{"temperature":NaN,"messages":[' + USER + b"]}"),
    Case("text-after-it", messages(USER) + b"x"),
    Case("two-documents", messages(USER) + messages(USER)),
    Case("member-twice", b'{"messages":[],"messages":[' + USER + b"]}"),
    Case("not-utf-8", messages(b'{"role":"user","content":"\xff\xfe"}')),
    Case("byte-order-mark", b"\xef\xbb\xbf" + messages(USER)),
    Case("compressed", b"\x1f\x8b\x08\x00not really", (("Content-Encoding", "gzip"),)),
    Case("compressed-otherwise", messages(USER), (("Content-Encoding", "br"),)),
    Case("identity", messages(USER), (("Content-Encoding", "identity"),)),
]  # fmt: skip


@pytest.mark.parametrize("case", [*UNDERSTOOD, *NOT_UNDERSTOOD], ids=lambda case: case.id)
async def test_a_body_that_no_rule_changes_goes_on_byte_for_byte(case: Case) -> None:
    """And the backend's own answer comes back, whatever the proxy thinks of the body."""
    body, answer = await sent(case.body, list(case.headers))

    assert body == case.body
    assert answer.status == 400
    assert answer.json()["error"]["message"] == "not this one"


@dataclass(frozen=True)
class Change:
    """A body, and what the backend gets instead."""

    id: str
    body: bytes
    sent: bytes


CHANGES = [
    Change(
        "null-name",
        b'{ "seed" : 1.0, "messages" : [ ' + USER + b' , {"role":"user","content":"x","name":null} ]}',
        b'{"seed":1.0,"messages":[' + USER + b',{"role":"user","content":"x"}]}',
    ),
    Change(
        "other-numbers-kept",
        b'{"seed":1e1,"messages":[{"name":null,"role":"user","content":"x"}],"logit_bias":{"1":-1E2}}',
        b'{"seed":1e1,"messages":[{"role":"user","content":"x"}],"logit_bias":{"1":-1E2}}',
    ),
    Change(
        "line-ends-in-text-kept",
        messages(rb'{"role":"user","content":"a\r\nb\u00e9","refusal":null}'),
        messages(r'{"role":"user","content":"a\r\nbé"}'.encode()),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.id)
async def test_a_changed_body_carries_only_the_change(case: Change) -> None:
    body, _ = await sent(case.body)

    assert body == case.sent


async def test_a_changed_body_has_the_length_of_what_is_sent() -> None:
    body = messages(b'{"role":"user","content":"x","name":null}')
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, body)

    request = backend.requests[0]
    assert request.header("content-length") == str(len(request.body)) == str(len(body) - 12)
    assert request.header("transfer-encoding") is None


async def test_observing_changes_nothing() -> None:
    body = messages(b'{"role":"user","content":"x","name":null}')
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url, observe=True) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, body)
        record = await proxy.record()

    assert backend.requests[0].body == body
    assert record["rules"] == []
    assert record["would_save"]["rules"] == ["null-fields"]


async def test_a_body_over_the_limit_is_refused_in_the_shape_of_openai() -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url, server={"max_body_bytes": 100}) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", CHAT, b"x" * 101)
        fits = await exchange(proxy.url, "POST", CHAT, b"x" * 100)

    error = answer.json()["error"]
    assert answer.status == 413
    assert sorted(error) == ["code", "message", "param", "type"]
    assert (error["code"], error["type"]) == (413, "request_too_large")
    assert "server.max_body_bytes" in error["message"]
    assert fits.status == 599
    assert len(backend.requests) == 1


async def test_a_body_of_several_megabytes_arrives_whole() -> None:
    text = json.dumps("é" * 2_000_000).encode()
    body = messages(b'{"role":"user","content":' + text + b"}")
    got, _ = await sent(body)

    assert got == body


@pytest.mark.parametrize("query", ["", "?a=1&b=%20", "?"], ids=["plain", "query", "empty-query"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/chat/completions",
        "/api/v1/chat/completions",
        "/api/v0/chat/completions",
        "/v0/chat/completions",
    ],
)
async def test_every_chat_path_is_read_and_forwarded_as_written(path: str, query: str) -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", path + query, messages(USER))
        record = await proxy.record()

    assert backend.requests[0].target == (path + query).removesuffix("?")
    assert record["endpoint"] == path


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "/v1/models", "/V1/chat/completions"])
async def test_other_paths_leave_no_line_in_the_log(path: str) -> None:
    async with Backend(OK) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", path, messages(USER))
        records = await proxy.records()

    assert backend.requests[0].target == path
    assert records == []


async def test_a_chunked_request_is_read_whole_and_sent_with_its_length() -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = messages(USER)
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url) as proxy,
        raw_client(proxy.url) as client,
    ):
        await client.send(head + b"%x\r\n%b\r\n" % (10, body[:10]))
        await client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 10, body[10:]))
        answer = await client.answer()

    assert answer.status == 200
    assert backend.requests[0].body == body
    assert backend.requests[0].header("content-length") == str(len(body))
