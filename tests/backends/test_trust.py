"""A backend's certificate is checked alike for what is relayed and for what is asked; a failure says so."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.certificates import certificate
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted import ScriptedBackend
from tests.fakes.scripted_replies import json_response
from tests.security.hostile import BODY, CHAT, OK, OTHER
from warmprefix.backends.client import Asker
from warmprefix.backends.probe import identify
from warmprefix.backends.trust import distrusted, trust
from warmprefix.core.errors import Untrusted


def server_side(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS, and the file of its certificate."""
    own, secret = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, secret)
    return context, str(own)


@asynccontextmanager
async def asked(
    folder: Path, *, knows: bool = False, **settings: object
) -> AsyncIterator[tuple[RunningProxy, list[Answer]]]:
    """A proxy before a backend with TLS, and its answers to a chat and to another request."""
    tls, own = server_side(folder)
    given = {"ca_file": own, **settings} if knows else settings
    async with (
        Backend(otherwise=OK, tls=tls) as backend,
        running_proxy(backend.url, backend=given) as proxy,
    ):
        yield proxy, [await exchange(proxy.url, "POST", path, BODY) for path in (CHAT, OTHER)]


async def test_an_unknown_certificate_is_said(tmp_path: Path) -> None:
    async with asked(tmp_path) as (proxy, answers):
        outcomes = [line["outcome"] for line in await proxy.records()]

    assert [answer.status for answer in answers] == [502, 502]
    assert {answer.json()["error"]["type"] for answer in answers} == {"backend_untrusted"}
    assert all(b"certificate is not trusted: self" in answer.body for answer in answers)
    assert all(b"backend.ca_file" in answer.body for answer in answers)
    assert outcomes == ["backend_unreachable"]


@pytest.mark.parametrize(("knows", "settings"), [(True, {}), (False, {"verify": False})])
async def test_it_is_accepted_if_the_settings_say_so(
    knows: bool, settings: dict[str, object], tmp_path: Path
) -> None:
    async with asked(tmp_path, knows=knows, **settings) as (_, answers):
        pass

    assert [answer.status for answer in answers] == [200, 200]


async def test_questions_trust_the_same_and_say_the_same(tmp_path: Path) -> None:
    tls, own = server_side(tmp_path)
    async with (
        ScriptedBackend(otherwise=json_response({}), tls=tls) as backend,
        Asker(trusted=trust(backend.url, own)) as knows,
        Asker(trusted=trust(backend.url, verify=False)) as trusts_all,
        Asker(trusted=trust(backend.url)) as other,
    ):
        for client in (knows, trusts_all):
            assert (await client.get(f"{backend.url}/props")).status_code == 200
        with pytest.raises(Untrusted, match="certificate is not trusted: self"):
            await identify(other, backend.url)


async def test_the_operator_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls, _ = server_side(tmp_path)
    async with (
        ScriptedBackend(otherwise=OK, tls=tls) as backend,
        running_proxy(backend.url, backend={"kind": "auto"}) as proxy,
    ):
        for _ in range(2):
            proxy.app.known._identified_s = -1e9
            await proxy.app.known.ask()

    assert caplog.text.count("certificate is not trusted") == 1


async def test_a_backend_without_tls_is_said() -> None:
    """Like every web server, it answers the handshake with a status of its own."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running_proxy(url) as proxy:
        answer = await exchange(proxy.url, "POST", CHAT, BODY)

    assert answer.status == 502
    assert b"no TLS" in answer.body


def test_an_address_without_tls_reads_no_certificates() -> None:
    assert trust("http://127.0.0.1:1").cert_store_stats()["x509_ca"] == 0
    assert trust("https://127.0.0.1:1").cert_store_stats()["x509_ca"] > 0


def test_what_is_no_fault_of_tls_is_none() -> None:
    assert distrusted("https://x", ConnectionResetError()) is None
