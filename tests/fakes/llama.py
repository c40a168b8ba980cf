"""A real llama-server for tests, started in a child process the way `--embedded` starts it."""

import urllib.request
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

import orjson

from tests.fakes.tiny_gguf import write_tiny_model
from warmprefix.embedded.backend import assembled_model, cache_folder, gemma_template
from warmprefix.embedded.process import Option, ServerProcess

Model = Literal["tiny", "gemma"]
TEMPLATES = Path(__file__).parent / "templates"

CONTEXT_PER_SLOT = {"tiny": 32768, "gemma": 8192}
# a request without max_tokens must end: the tiny model never ends a turn, gemma takes 50 ms a token
MAX_GENERATED_TOKENS = 64


def template(name: str) -> str:
    """The text of one of our test templates, by its file name without the ending."""
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")


def model_file(model: Model, folder: Path) -> Path:
    """The model's GGUF; the tiny one is written to `folder`, gemma is assembled in the user's cache."""
    if model == "gemma":
        return assembled_model(cache_folder(), lambda line: None)
    tiny = folder / "tiny.gguf"
    return tiny if tiny.exists() else write_tiny_model(tiny)


def default_options(model: Model, n_parallel: int) -> dict[str, Option]:
    """Settings in which cached_tokens is the shared prefix, and nothing is hidden."""
    return {
        "model_alias": [model],
        "n_parallel": n_parallel,
        "n_ctx": CONTEXT_PER_SLOT[model] * n_parallel,
        "n_predict": MAX_GENERATED_TOKENS,
        "kv_unified": False,
        "swa_full": True,
        "cache_ram_mib": 256,
        "endpoint_slots": True,
        "endpoint_metrics": True,
        "fit_params": False,
        "warmup": False,
        "sampling.seed": 1,
        # one thread leaves the other cores to the test; several wait for each other on a busy machine
        "cpuparams.n_threads": 1,
        "cpuparams_batch.n_threads": 1,
        "ui": False,
        "verbosity": 1,
    }


class LlamaServer:
    """A llama-server that a test starts, stops, kills and restarts. Its address stays the same.

    `chat_template` is the text of a template; by default chatml_tools for the tiny model and the one that
    we ship for gemma. Any other llama.cpp setting goes into `options`, named as in
    `xllamacpp.CommonParams`. `ctx_size` is the sum over all slots.
    """

    def __init__(
        self,
        folder: Path,
        model: Model = "tiny",
        *,
        chat_template: str | None = None,
        n_parallel: int = 2,
        ctx_size: int | None = None,
        cache_ram_mib: int | None = None,
        swa_full: bool | None = None,
        kv_unified: bool | None = None,
        slot_save_path: Path | None = None,
        alias: str | None = None,
        port: int = 0,
        log: Path | None = None,
        options: dict[str, Option] | None = None,
    ) -> None:
        own = gemma_template() if model == "gemma" else template("chatml_tools")
        chosen: dict[str, Option | None] = {
            "chat_template": own if chat_template is None else chat_template,
            "n_ctx": ctx_size,
            "cache_ram_mib": cache_ram_mib,
            "swa_full": swa_full,
            "kv_unified": kv_unified,
            # llama.cpp appends the file name as it is: the folder needs its slash
            "slot_save_path": None if slot_save_path is None else f"{slot_save_path}/",
            "model_alias": None if alias is None else [alias],
        }
        self.options = default_options(model, n_parallel)
        self.options |= {name: value for name, value in chosen.items() if value is not None}
        self.options |= {"model.path": str(model_file(model, folder)), "port": port}
        self.options |= options or {}
        self.log = log
        self.url = ""
        self.process = ServerProcess(self.options, log)

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self.process.child is None else self.process.child.pid

    def start(self) -> "LlamaServer":
        """Start; returns this server once it answers."""
        self.process = ServerProcess(self.options, self.log)
        self.url = self.process.start()
        self.options["port"] = urlsplit(self.url).port or 0  # the same one after a restart
        return self

    def stop(self) -> None:
        """End it cleanly; may be called again."""
        self.process.stop()

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self.process.kill()

    def restart(self) -> None:
        """Stop and start again on the same port, with an empty cache."""
        self.stop()
        self.start()

    def get(self, path: str) -> bytes:
        """The body of a GET, without any client library of ours in between."""
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return bytes(reply.read())

    def post(self, path: str, body: object) -> bytes:
        """The body of a POST of JSON; an error status raises urllib.error.HTTPError."""
        request = urllib.request.Request(
            self.url + path, orjson.dumps(body), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return bytes(reply.read())


class StartLlama(Protocol):
    """The `start_llama` fixture: a started server with the options of LlamaServer."""

    def __call__(
        self,
        model: Model = "tiny",
        *,
        chat_template: str | None = None,
        n_parallel: int = 2,
        ctx_size: int | None = None,
        cache_ram_mib: int | None = None,
        swa_full: bool | None = None,
        kv_unified: bool | None = None,
        slot_save_path: Path | None = None,
        alias: str | None = None,
        port: int = 0,
        log: Path | None = None,
        options: dict[str, Option] | None = None,
    ) -> LlamaServer: ...
