"""Canaries: what a client sends in secret, or to the model alone, turns up nowhere it was not meant for."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted import Cut, Handler, Send
from tests.fakes.scripted_replies import chat_reply, chat_stream, json_response, stream_response
from tests.security.hostile import CHAT, OTHER
from warmprefix.capture.writer import Capture
from warmprefix.server.passthrough import Passthrough

SECRETS = ("canary-auth", "canary-xkey", "canary-cookie", "canary-query", "canary-custom")
TEXTS = ("canary-system", "canary-prompt", "canary-arguments", "canary-tool", "canary-reply")
HEADERS = [
    ("Authorization", "Bearer canary-auth"),
    ("X-Api-Key", "canary-xkey"),
    ("Cookie", "session=canary-cookie"),
    ("X-Custom-Token", "canary-custom"),
    ("User-Agent", "client/1"),
]
TARGET = CHAT + "?api_key=canary-query"
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "read", "arguments": '{"path": "canary-arguments"}'},
}
PAGES = (
    "/warmprefix/metrics",
    "/warmprefix/api/turns",
    "/warmprefix/api/conversations",
    "/warmprefix/openapi.json",
    "/warmprefix/ready",
)
REPLIES: dict[str, Handler] = {
    "whole": json_response(chat_reply("canary-reply", 12, 30, 8)),
    "stream": stream_response(chat_stream(["canary-", "reply"])),
    "cut-stream": [*stream_response(chat_stream(["canary-reply"]), finish=False), Cut()],
    "no-json": json_response(b"canary-reply{"),
    "error": json_response({"error": {"message": "no", "code": 400}}, status=400),
    "no-answer": [Cut(reset=True)],
    "no-http": [Send(b"canary-reply\r\n\r\n"), Cut()],
}


def body(clock: str, *, stream: bool) -> dict[str, object]:
    """A request whose system text differs from turn to turn, so that a break is explained."""
    return {
        "stream": stream,
        "messages": [
            {"role": "system", "content": f"canary-system {clock}"},
            {"role": "user", "content": "canary-prompt"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "canary-tool"},
        ],
    }


async def shown(proxy: RunningProxy) -> dict[str, bytes]:
    """Everything that the proxy shows of itself, by where."""
    lines = await proxy.records()
    turns = [f"/warmprefix/api/turns/{line['turn']}" for line in lines]
    pages = {page: (await exchange(proxy.url, "GET", page)).body for page in (*PAGES, *turns)}
    return {**pages, "log": proxy.output.getvalue()}


@pytest.mark.parametrize("excerpts", [False, True], ids=["no-excerpts", "excerpts"])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_a_secret_is_shown_nowhere(
    reply: Handler,
    excerpts: bool,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "warmprefix")
    async with (
        Backend(otherwise=reply) as backend,
        running_proxy(backend.url, log={"excerpts": excerpts}) as proxy,
    ):
        for clock in ("at 10:00:01", "at 10:00:02"):
            stream = "stream" in str(reply)
            await exchange(proxy.url, "POST", TARGET, body(clock, stream=stream), HEADERS)
            await proxy.records()
        places = await shown(proxy)
    out, err = capfd.readouterr()
    places |= {"stdout": out.encode(), "stderr": err.encode(), "operator log": caplog.text.encode()}
    hidden = SECRETS if excerpts else (*SECRETS, *TEXTS)

    assert {
        (place, word) for place, text in places.items() for word in hidden if word.encode() in text
    } == set()
    assert {request.header("authorization") for request in backend.requests} == {
        "Bearer canary-auth"
    }


async def test_excerpts_show_the_text_of_a_break_where_they_are_asked_for() -> None:
    """So the test above can see what it looks for."""
    async with (
        Backend(otherwise=REPLIES["whole"]) as backend,
        running_proxy(backend.url, log={"excerpts": True}) as proxy,
    ):
        for clock in ("at 10:00:01", "at 10:00:02"):
            await exchange(proxy.url, "POST", TARGET, body(clock, stream=False), HEADERS)
            await proxy.records()
        places = await shown(proxy)

    assert b"canary-system" in places["log"]


PROBLEMS = {
    "no-backend": ("http://127.0.0.1:1", {}, CHAT, 502),
    "no-backend-passthrough": ("http://127.0.0.1:1", {}, OTHER, 502),
    "wrong-key": ("http://127.0.0.1:1", {"api_key": "canary-key"}, CHAT, 401),
    "too-large": ("http://127.0.0.1:1", {"max_body_bytes": 1}, CHAT, 413),
    "no-page": ("http://127.0.0.1:1", {}, "/warmprefix/x", 404),
    "bad-parameter": ("http://127.0.0.1:1", {}, "/warmprefix/api/turns", 405),
}


@pytest.mark.parametrize(("url", "server", "path", "status"), PROBLEMS.values(), ids=PROBLEMS)
async def test_an_error_repeats_nothing_of_the_request(
    url: str,
    server: dict[str, object],
    path: str,
    status: int,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "warmprefix")
    target = path + "?api_key=canary-query"
    async with running_proxy(url, server=server) as proxy:
        answer = await exchange(proxy.url, "POST", target, body("now", stream=False), HEADERS)
        lines = (await proxy.records()) and proxy.output.getvalue()
    heads = "".join(value for _, value in answer.headers).encode()

    assert answer.status == status
    assert b"canary" not in b"".join([answer.body, heads, lines or b""])
    assert "canary" not in "".join((*capfd.readouterr(), caplog.text))


async def test_a_failure_inside_says_nothing_of_the_request(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback names code, not values."""

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    async with Backend() as backend, running_proxy(backend.url) as proxy:
        monkeypatch.setattr(Passthrough, "__call__", broken)
        target = OTHER + "?api_key=canary-query"
        answer = await exchange(proxy.url, "POST", target, body("now", stream=False), HEADERS)

    err = caplog.text
    assert answer.status == 500
    assert "broken inside" in err
    assert "canary" not in err
    assert b"canary" not in answer.body


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_a_capture_holds_texts_but_no_secret(reply: Handler, tmp_path: Path) -> None:
    capture = Capture(tmp_path / "c")
    async with (
        Backend(otherwise=reply) as backend,
        running_proxy(backend.url, capture=capture) as proxy,
    ):
        await exchange(proxy.url, "POST", TARGET, body("now", stream=False), HEADERS)
        await proxy.records()
    await asyncio.to_thread(capture.close)
    (file,) = (tmp_path / "c").iterdir()
    text = file.read_text("ascii")

    assert "canary-prompt" in text
    assert [word for word in SECRETS if word in text] == []
