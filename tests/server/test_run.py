"""The listening socket, the store and the web server's settings. Signals: tests/cli/test_serve.py."""

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from warmprefix.config import Config, MemoryConfig
from warmprefix.config.load import Effective, load
from warmprefix.core.errors import ConfigError
from warmprefix.server.run import Settings, embedded_in, listen, listen_all, open_store
from warmprefix.stores.memory import MemoryStore


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("::1", "AF_INET6")])
def test_any_free_port_is_taken(host: str, family: str) -> None:
    with listen(host, 0) as listener:
        assert listener.family is socket.AddressFamily[family]
        assert listener.getsockname()[1] > 0
        assert not listener.getblocking()


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigError) as error:
        listen("127.0.0.1", taken.getsockname()[1])

    assert "server.port" in str(error.value)
    assert "--port" in str(error.value)


NOT_OURS = [
    pytest.param(errno.EADDRNOTAVAIL, "choose another with --host", id="not-our-address"),
    pytest.param(errno.EACCES, "are for root; choose another with --port", id="root"),
    pytest.param(errno.ENETDOWN, "Network is down", id="any-other"),
]


@pytest.mark.parametrize(("number", "says"), NOT_OURS)
def test_why_it_cannot_be_opened_comes_with_what_to_do(
    number: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(number, "x")

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(ConfigError) as error:
        listen("127.0.0.1", 80)

    assert str(error.value).startswith("cannot listen on 127.0.0.1:80 (server.host, server.port): ")
    assert str(error.value).endswith(says)


def test_a_port_is_free_again_at_once() -> None:
    """Also while a closed connection of it is still remembered by the system."""
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as client:
            listener.setblocking(True)
            listener.accept()[0].close()
            client.recv(1)
    with listen(*address) as again:
        assert again.getsockname() == address


@pytest.mark.parametrize(
    "hosts", [("127.0.0.1",), ("127.0.0.1", "::1"), ("::", "0.0.0.0")], ids=", ".join
)
def test_all_addresses_are_on_the_port_that_the_first_takes(hosts: tuple[str, ...]) -> None:
    listeners = listen_all(hosts, 0)
    addresses = [listener.getsockname()[:2] for listener in listeners]
    for listener in listeners:
        listener.close()

    assert addresses == [(host, addresses[0][1]) for host in hosts]


def test_if_one_address_cannot_be_opened_none_is() -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        listen_all(("127.0.0.1", "192.0.2.1"), port)

    with listen("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.host"):
        listen(host, 0)


def test_the_store_in_memory_keeps_nothing_on_disk(tmp_path: Path) -> None:
    memory = MemoryConfig(store="memory", path=str(tmp_path / "ledger.db"))
    store = open_store(Config(memory=memory))
    asyncio.run(store.close())

    assert isinstance(store, MemoryStore)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_none_is_named_with_its_setting() -> None:
    with pytest.raises(ConfigError, match=r"300\.1\.1\.1 \(server\.host\): not an address here"):
        listen("300.1.1.1", 0)


def test_the_embedded_server_is_the_backend_whatever_the_settings_say() -> None:
    """Also when they are read again, and they say where that comes from."""

    def read() -> Effective:
        return load(None, {"WARMPREFIX_BACKENDS": '[{"url": "http://127.0.0.1:8081"}]'}, {})

    found = embedded_in(Settings(read(), Path("warmprefix.toml"), read), "http://127.0.0.1:4000")

    assert found.load() == found.effective
    assert [one.url for one in found.config.every_backend()] == ["http://127.0.0.1:4000"]
    assert (found.config.backend.kind, found.config.slots.save) == ("llamacpp", "off")
    assert found.effective.sources["backend.url"] == "flag --embedded"
    assert found.effective.sources["server.port"] == "default"
