"""What is said at the start."""

from dataclasses import replace

import pytest

from tests.fakes.running_proxy import running_proxy
from warmprefix.config import Config
from warmprefix.config.load import load
from warmprefix.server.announce import Address, address_of, announce, off
from warmprefix.server.run import listen

ADDRESSES = [
    pytest.param("127.0.0.1", "http://127.0.0.1:8484", "http://127.0.0.1:8484", False, id="loopback"),
    pytest.param("::1", "http://[::1]:8484", "http://[::1]:8484", False, id="loopback-6"),
    pytest.param("0.0.0.0", "http://0.0.0.0:8484", "http://127.0.0.1:8484", True, id="everywhere"),
    pytest.param("::", "http://[::]:8484", "http://[::1]:8484", True, id="everywhere-6"),
    pytest.param("10.0.0.5", "http://10.0.0.5:8484", "http://10.0.0.5:8484", True, id="one"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "url", "local", "is_open"), ADDRESSES)
def test_an_address_as_it_is_and_as_this_machine_reaches_it(
    host: str, url: str, local: str, is_open: bool
) -> None:
    address = Address(host, 8484)

    assert (address.url, address.local_url, address.is_open) == (url, local, is_open)


def test_others_use_an_address_that_is_this_machines() -> None:
    found = Address("0.0.0.0", 8484).others_url()

    assert found is None or (found.endswith(":8484") and "0.0.0.0" not in found)
    assert Address("10.0.0.5", 1).others_url() == "http://10.0.0.5:1"


def test_a_socket_says_where_it_listens() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert address_of(listener).port == listener.getsockname()[1]


CONFIG = Config()
NO_FILES = replace(CONFIG, slots=replace(CONFIG.slots, save="off"))
OBSERVED = "all changes of requests, saving and reading ahead (--observe)"
OFF = [
    pytest.param(CONFIG, "", [], id="nothing"),
    pytest.param(CONFIG, "observe", [OBSERVED], id="observe"),
    pytest.param(
        replace(CONFIG, slots=replace(CONFIG.slots, pin="off")),
        "",
        ["choosing and saving slots, and reading ahead (slots.pin)"],
        id="pin",
    ),
    pytest.param(NO_FILES, "", ["saving slots (slots.save)"], id="save"),
    pytest.param(
        replace(CONFIG, prewarm=replace(CONFIG.prewarm, mode="off")),
        "embedded",
        ["saving slots (--embedded has no folder for them)", "reading ahead (prewarm.mode)"],
        id="embedded",
    ),
    pytest.param(
        replace(CONFIG, canonicalize=replace(CONFIG.canonicalize, disable=("key-order",))),
        "",
        ["key-order (canonicalize.disable)"],
        id="rule",
    ),
]


@pytest.mark.parametrize(("config", "flag", "lines"), OFF)
def test_what_is_off_is_said_with_the_reason(config: Config, flag: str, lines: list[str]) -> None:
    flags = {name: flag == name for name in ("observe", "embedded")}

    assert [*off(config, [], **flags)] == lines


@pytest.mark.parametrize("kind", ["auto", "llamacpp"])
@pytest.mark.parametrize("is_named", [False, True], ids=["by-nobody", "by-a-flag"])
async def test_a_backend_that_is_not_there_is_told(
    is_named: bool, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And if nobody named one, where one may be."""
    url = "http://127.0.0.1:1"
    settings = load(None, {}, {"backend.url": url} if is_named else {})
    async with running_proxy(url, backend={"kind": kind}) as proxy:
        here = [Address("127.0.0.1", 8484)]
        await announce(proxy.app, here, settings, observe=False, embedded=False)

    assert "the backend does not answer yet; requests get 502 until it does" in caplog.messages
    assert any("http://127.0.0.1:9931" in line for line in caplog.messages) is not is_named
