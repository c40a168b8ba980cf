"""The llama-servers of the conformance cases, each started when the first case asks for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llama import LlamaServer

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

Servers = Callable[[str], LlamaServer]


@pytest.fixture(scope="session")
def servers(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A function from a name in SERVERS to the running server."""
    running: dict[str, LlamaServer] = {}

    def server(name: str) -> LlamaServer:
        if name not in running:
            folder = None if name == "guarded" else tmp_path_factory.mktemp("slots")
            made = LlamaServer(
                model_folder, cache_ram_mib=0, slot_save_path=folder, **SERVERS[name]
            )
            running[name] = made.start()
        return running[name]

    yield server
    for started in running.values():
        started.stop()


@pytest.fixture
def one(servers: Servers) -> LlamaServer:
    """The server that most cases ask."""
    return servers("one")
