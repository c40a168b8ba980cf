"""The connection to a real server: credentials, and scripts that it does not know yet."""

from pathlib import Path

import pytest

from tests.fakes.certificates import certificate
from tests.fakes.redis_server import RedisServer
from tests.servers.stock import free_port
from tests.stores.entries import chain, entry, is_known
from tests.stores.redis.opened import opened
from warmprefix.core.errors import StoreError
from warmprefix.stores.redis.store import RedisStore

pytestmark = pytest.mark.usefixtures("patient")


async def test_an_empty_replica_that_takes_over_is_written_at_once(
    server: RedisServer, store: RedisStore
) -> None:
    """It knows neither data nor scripts."""
    store.put(entry("c", "s", "u"))
    await store.flush()
    server.kill()
    server.start()

    assert not await is_known(store, "s", "u")
    store.put(entry("c", "s", "u", turns=2))
    await store.flush()
    assert await is_known(store, "s", "u")
    assert store.state().lost == 0


async def test_rediss_is_encrypted_and_checks_the_certificate(tmp_path: Path) -> None:
    own, secret = certificate(tmp_path)
    port = free_port()
    pair = ("--tls-cert-file", str(own), "--tls-key-file", str(secret))
    server = RedisServer("--tls-port", str(port), *pair, "--tls-auth-clients", "no")
    url = f"rediss://127.0.0.1:{port}/0"
    trusting = opened(server, place=f"{url}?ssl_ca_certs={own}")
    other = opened(server, place=url)
    trusting.put(entry("c", "s"))
    await trusting.flush()

    assert await is_known(trusting, "s")
    with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
        await other.find(chain("s"))
    await trusting.close()
    await other.close()
    server.stop()


async def test_a_user_with_the_rights_of_the_documentation_and_a_password_is_enough(
    server: RedisServer,
) -> None:
    rights = ("+@read", "+@write", "+@scripting", "+@connection", "-@dangerous")
    server.command("ACL", "SETUSER", "proxy", "on", ">canary", "~warmprefix:*", *rights)
    url = server.url.replace("//", "//proxy@")
    right, wrong = (opened(server, place=url, password=word) for word in ("canary", "other"))
    right.put(entry("c", "s"))
    wrong.put(entry("d", "d"))
    await right.flush()
    await wrong.flush()

    assert await is_known(right, "s")
    assert wrong.state().lost == 1
    with pytest.raises(StoreError, match="invalid username-password"):
        await wrong.find(chain("s"))
    await right.close()
    await wrong.close()


async def test_a_long_refusal_is_cut(server: RedisServer) -> None:
    """A server in protected mode explains itself with a thousand characters."""
    script = "return redis.error_reply('DENIED ' .. string.rep('because ', 200))"
    with pytest.raises(StoreError, match=r"^redis: DENIED because.*\.\.\.$") as refused:
        server.command("EVAL", script, "0")

    assert len(str(refused.value)) < 220
