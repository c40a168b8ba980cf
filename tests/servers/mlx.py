"""The real mlx_lm.server on the tiny Qwen2, on the processor: an OpenAI server with a prompt cache of its own.

`make engines` installs it (PyPI mlx-lm with mlx[cpu]) into a venv of its own.
"""

import os
from pathlib import Path

from tests.fakes.tiny_mlx import write
from tests.servers.stock import Server, free_port

PYTHON = Path(__file__).parents[2] / ".venv-mlx" / "bin" / "python"
"""The Python that has it; ignored by git."""


class MlxServer(Server):
    """Runs on a model that is written into `folder`, and asks nobody for another one."""

    def __init__(self, folder: Path) -> None:
        port, models = free_port(), folder / "hub"
        models.mkdir()  # it lists what was downloaded, and fails if there is no such folder
        model = folder / "tiny-qwen2"
        model.mkdir()
        write(model)
        line = [str(PYTHON), "-m", "mlx_lm.server", "--model", str(model), "--port", str(port)]
        environment = {**os.environ, "HF_HUB_CACHE": str(models), "HF_HUB_OFFLINE": "1"}
        super().__init__(line, port, environment)
        self.model = str(model)
