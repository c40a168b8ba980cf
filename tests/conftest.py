"""Fixtures for tests against a real llama-server, marked `backend`; and how Hypothesis runs everywhere."""

import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.fakes.llama import LlamaServer, Model, StartLlama, model_file, template
from tests.servers.lemonade import LemonadeServer, can_start
from tests.servers.stock import StartEither, StartStock, StockServer, stock_binary

# A law says nothing of time, and a busy machine would break one that did.
settings.register_profile("no deadline", settings(), deadline=None)
settings.load_profile("no deadline")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A worker cannot send a lone surrogate: one in what a test has logged or printed would end the worker."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


@pytest.fixture(autouse=True, scope="session")
def own_runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands find no proxy that the tests have not started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(autouse=True, scope="session")
def heard_ctrl_c() -> None:
    """Programs that the tests start hear Ctrl-C, even if a shell has started the tests in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tiny model is written, once a session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny_llama(model_folder: Path) -> Iterator[LlamaServer]:
    """The tiny random model in two slots, shared by the session: its slots hold what other tests sent."""
    server = LlamaServer(model_folder).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def gemma_llama(model_folder: Path) -> Iterator[LlamaServer]:
    """The small real model in two slots, shared by the session."""
    server = LlamaServer(model_folder, "gemma").start()
    yield server
    server.stop()


@pytest.fixture
def start_llama(model_folder: Path) -> Iterator[StartLlama]:
    """A function that starts servers with options of their own; all are stopped after the test."""
    servers: list[LlamaServer] = []

    def start(*args: Any, **options: Any) -> LlamaServer:
        servers.append(LlamaServer(model_folder, *args, **options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def start_stock(model_folder: Path) -> Iterator[StartStock]:
    """A function that starts stock llama-servers on the tiny model: `start_stock("-np", "4")`.

    Tests that use it are skipped unless `make servers` was run or llama-server is on PATH.
    """
    if stock_binary() is None:
        pytest.skip("no llama-server; make servers")
    servers: list[StockServer] = []

    def start(*flags: str, model: Path | None = None, **options: Any) -> StockServer:
        options.setdefault("chat_template", template("chatml_tools"))
        server = StockServer(model or model_file("tiny", model_folder), *flags, **options)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.close()


@pytest.fixture(params=["own-slots", "no-flags"])
def start_either(request: pytest.FixtureRequest, model_folder: Path) -> Iterator[StartEither]:
    """A function that starts servers, for what must hold on each: two slots with a cache each and no cache in
    RAM, or as users start it, without flags. `start_either("gemma", slot_save_path=folder)`."""
    is_stock = request.param == "no-flags"
    if is_stock and stock_binary() is None:
        pytest.skip("no llama-server; make servers")
    servers: list[LlamaServer | StockServer] = []

    def start(
        model: Model = "tiny",
        *,
        chat_template: str | None = None,
        slot_save_path: Path | None = None,
    ) -> LlamaServer | StockServer:
        text = template("chatml_tools") if chat_template is None else chat_template
        if is_stock:
            flags = () if slot_save_path is None else ("--slot-save-path", f"{slot_save_path}/")
            file = model_file(model, model_folder)
            servers.append(StockServer(file, *flags, chat_template=text))
        else:
            own = LlamaServer(
                model_folder,
                model,
                chat_template=text,
                cache_ram_mib=0,
                slot_save_path=slot_save_path,
            )
            servers.append(own)
        return servers[-1].start()

    yield start
    for server in servers:
        server.close() if isinstance(server, StockServer) else server.stop()


@pytest.fixture
def start_lemonade() -> Iterator[Callable[..., LemonadeServer]]:
    """A function that starts Lemonade Servers on two tiny models: `start_lemonade("--cache-ram", "0")`.

    Tests that use it are skipped unless `make servers` was run or lemond and llama-server are on PATH.
    """
    if not can_start():
        pytest.skip("no lemond; make servers")
    servers: list[LemonadeServer] = []

    def start(*args: str, **options: Any) -> LemonadeServer:
        servers.append(LemonadeServer(*args, **options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.close()
