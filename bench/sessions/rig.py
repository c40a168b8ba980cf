"""The servers of a measurement: a llama-server and, in front of it, a proxy, each with an empty memory."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.sessions.evaluation import ENVIRONMENT
from bench.sessions.families import Family
from bench.sessions.scripted_model import ScriptedModel
from tests.fakes.llama import model_file
from tests.servers.stock import StockServer

_LISTENING = re.compile(r"listening on (http://\S+),")
_GRACE_S = 5.0


@contextmanager
def scripted_model(family: Family, slots: int | None) -> Iterator[ScriptedModel]:
    """A scripted model on a stock llama-server that has seen nothing yet. `slots` None: its own defaults."""
    flags = [] if slots is None else ["-np", str(slots)]
    if family.model == "gemma" and family.swa_full:
        flags.append("--swa-full")
    with tempfile.TemporaryDirectory() as folder:
        file = model_file(family.model, Path(folder))
        llama = StockServer(file, *flags, chat_template=family.template, environment=ENVIRONMENT)
        llama.start()
        try:
            model = ScriptedModel(llama.url, family.generated)
            try:
                yield model
            finally:
                model.close()
        finally:
            llama.close()


@contextmanager
def proxy(backend: str, enable: Sequence[str]) -> Iterator[str]:
    """The address of `warmprefix serve` in front of `backend`: a process of its own that remembers nothing.

    `enable`: the opt-in rules that are on.
    """
    settings = {
        "WARMPREFIX_MEMORY__STORE": "memory",
        "WARMPREFIX_CANONICALIZE__ENABLE": json.dumps(list(enable)),
    }
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WARMPREFIX_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "warmprefix", "serve", "--backend", backend, "--port", "0"],
        env=kept | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _address(process)
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        finally:
            process.kill()
            process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    """The address that it listens on; later output is shown only if it is not routine."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if found := _LISTENING.search(line):
            threading.Thread(target=_show_trouble, args=(process,), daemon=True).start()
            return found[1]
    raise RuntimeError(f"the proxy did not start:\n{''.join(said)}")


def _show_trouble(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if " INFO warmprefix: " not in line:
            sys.stderr.write(line)
