"""Lemonade Server as users run it: Debian's newest, in front of the stock llama-server, without a network.

`make servers` brings both (fetch.sh). It finds the models of one folder, keeps one of them in memory, and
starts a llama-server for it with `--parallel 1` when the first request names it. All that is added is
`--threads 1`.
"""

import json
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fakes.tiny_gguf import write_tiny_model
from tests.servers.stock import Server, stock_binary, stock_environment

MODELS = ("tiny-a-F32", "tiny-b-F32")
CONTEXT = 32768


def can_start() -> bool:
    """Whether lemond and its llama-server are there."""
    return stock_binary("lemond") is not None and stock_binary() is not None


class LemonadeServer(Server):
    """One lemond with two tiny models. `args` are flags of its llama-server, as a user writes `llamacpp.args`.

    `kept`: how many of its models stay in memory, each in a llama-server of its own. Ending it ends those too,
    whichever way it ends.
    """

    def __init__(
        self,
        *args: str,
        models: Sequence[str] = MODELS,
        kept: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        lemond, llama = stock_binary("lemond"), stock_binary()
        assert lemond is not None, "no lemond; make servers"
        assert llama is not None, "no llama-server; make servers"
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        cache, config, files, home = (root / name for name in ("cache", "config", "models", "home"))
        for folder in (cache, config, files, home):
            folder.mkdir()
        for model in models:
            write_tiny_model(files / f"{model}.gguf")
        settings = json.dumps(_settings(files, llama, ("--threads", "1", *args), kept))
        for folder in (cache, config):
            (folder / "config.json").write_text(settings)
        with socket.create_server(("127.0.0.1", 0)) as free:  # lemond takes none in TIME_WAIT
            port = int(free.getsockname()[1])
        line = [str(lemond), "--port", str(port), "--host", "127.0.0.1", "--no-broadcast"]
        line += ["--log-file", "disabled", str(cache), str(config)]
        own = {"HOME": str(home), **(environment or {})}
        super().__init__(line, port, {**stock_environment(), **own}, alive="/live")

    def loaded(self) -> list[dict[str, Any]]:
        """What its health says of each loaded model."""
        models: list[dict[str, Any]] = self.get("/api/v1/health")["all_models_loaded"]
        return models

    def unload(self) -> None:
        """Forget every model, and with it all that it has read."""
        self.post("/api/v1/unload", {})

    def close(self) -> None:
        """End it at once (in good order it takes six seconds) and remove its files."""
        self.kill()
        self._folder.cleanup()


def _settings(models: Path, llama: Path, args: Sequence[str], kept: int) -> dict[str, Any]:
    """Lemonade's config.json, read from both folders."""
    quiet = {"auto_update_models": False, "auto_check_model_updates": False, "broadcast": False}
    own = {"backend": "cpu", "cpu_bin": str(llama), "prefer_system": True, "args": " ".join(args)}
    return {
        "config_version": 2,
        "offline": True,
        **quiet,
        "ctx_size": CONTEXT,
        "max_loaded_models": kept,
        "extra_models_dir": str(models),
        "llamacpp": own,
    }
