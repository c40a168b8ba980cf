"""The llama-servers of the conformance cases, each started when the first case asks for it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import Asked
from tests.fakes.llama import MAX_GENERATED_TOKENS, LlamaServer, model_file, template
from tests.servers.stock import StockServer, stock_binary

KEY = "a-key-for-tests"

SERVERS: dict[str, dict[str, Any]] = {
    # what most cases ask: one slot, so that every request finds what the one before has left
    "one": {"n_parallel": 1, "ctx_size": 2048},
    # several choices, and the slot that the proxy asks for
    "two": {"n_parallel": 2, "ctx_size": 4096},
    # two slots share all cells: two choices outgrow them while their streams run
    "shared-cells": {"n_parallel": 2, "ctx_size": 512, "kv_unified": True},
    # long enough for a client to leave in the middle
    "patient": {"n_parallel": 1, "ctx_size": 32768},
    "embeddings": {
        "n_parallel": 1,
        "ctx_size": 512,
        "options": {"embedding": True, "pooling_type": 1},
    },
    # one vector a token
    "no-pooling": {
        "n_parallel": 1,
        "ctx_size": 512,
        "options": {"embedding": True, "pooling_type": 0},
    },
    # with a key, and with every page that can be switched off switched off
    "guarded": {
        "n_parallel": 1,
        "ctx_size": 2048,
        "options": {"api_keys": [KEY], "endpoint_slots": False, "endpoint_metrics": False},
    },
}

STOCK = {"stock": "chatml_tools", "stock-thinking": "chatml_begins_thinking"}
"""The server that users run, with the one slot of "one", by the template that it has."""

Servers = Callable[[str], Asked]


class OneSlot(StockServer):
    """A stock llama-server in the state and with the names of "one"."""

    def __init__(self, folder: Path, slots: Path, chat_template: str) -> None:
        flags = ["-np", "1", "--alias", "tiny", "--cache-ram", "0", "--seed", "1"]
        flags += ["-n", str(MAX_GENERATED_TOKENS), "--slot-save-path", f"{slots}/"]
        model = model_file("tiny", folder)
        super().__init__(model, *flags, chat_template=template(chat_template), context=2048)
        self.options: Mapping[str, object] = {"n_parallel": 1, "slot_save_path": f"{slots}/"}


@pytest.fixture(scope="session")
def servers(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A function from a name in SERVERS to the running server."""
    running: dict[str, LlamaServer | OneSlot] = {}

    def server(name: str) -> Asked:
        if name in STOCK and stock_binary() is None:
            pytest.skip("no llama-server; make servers")
        if name in STOCK and name not in running:
            own = OneSlot(model_folder, tmp_path_factory.mktemp("slots"), STOCK[name])
            running[name] = own
            own.start()
        elif name not in running:
            folder = None if name == "guarded" else tmp_path_factory.mktemp("slots")
            made = LlamaServer(
                model_folder, cache_ram_mib=0, slot_save_path=folder, **SERVERS[name]
            )
            running[name] = made.start()
        return running[name]

    yield server
    for started in running.values():
        started.close() if isinstance(started, OneSlot) else started.stop()


@pytest.fixture
def one(servers: Servers) -> Asked:
    """The server that most cases ask."""
    return servers("one")


@pytest.fixture(params=["one", "stock"])
def each(request: pytest.FixtureRequest, servers: Servers) -> Asked:
    """The server that most cases ask, and the one that users run."""
    return servers(request.param)
