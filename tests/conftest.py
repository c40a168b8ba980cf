"""Fixtures for tests against a real llama-server. Tests that use them are marked `backend`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llama import LlamaServer, StartLlama


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
