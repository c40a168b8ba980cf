"""The llama-server that users run, as a router: one address, several models, a server of its own for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.stock import StockServer

Preset = Mapping[str, Mapping[str, str]]
"""The flags of each model by its name, without the dashes: `{"one": {"ctx-size": "4096"}}`."""


class StockRouter(StockServer):
    """`presets`: the models; `templates`: the text of a chat template by model."""

    def __init__(
        self,
        model: Path,
        presets: Preset,
        *flags: str,
        templates: Mapping[str, str],
        most: int = 2,
    ) -> None:
        super().__init__(model)
        folder = Path(self._folder.name)
        lines = ["version = 1"]
        for name, given in presets.items():
            file = folder / f"{name}.jinja"
            file.write_text(templates[name])
            options = {
                "model": str(model),
                "chat-template-file": str(file),
                "jinja": "true",
                "threads": "1",
                **given,
            }
            lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in options.items())]
        preset = folder / "models.ini"
        preset.write_text("\n".join(lines) + "\n")
        address: Sequence[str] = ("--host", "127.0.0.1", "--port", str(self.port))
        models = ("--models-preset", str(preset), "--models-max", str(most))
        self.line = [self.line[0], *models, *address, "--offline", *flags]
        # Else it lists the models of whoever runs the tests too.
        self._environment["LLAMA_CACHE"] = str(folder / "cache")
