"""The servers and models that the law is proven on."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.sessions.families import FAMILIES as _FAMILIES
from bench.sessions.families import Family
from tests.fakes.llama import model_file, template
from tests.fakes.tiny_recurrent import write_tiny_recurrent
from warmprefix.embedded.backend import gemma_template


@dataclass(frozen=True, slots=True)
class Setting:
    """Flags of llama-server besides model, context and template. `saves`: with `--slot-save-path`."""

    name: str
    slots: int
    flags: tuple[str, ...] = ()
    saves: bool = False


_BARE = (
    Setting("no flags", 4),
    Setting("-np 2 -kvu", 2, ("-np", "2", "-kvu")),
    Setting("-np 4", 4, ("-np", "4")),
    Setting("-np 2 --cache-ram 0", 2, ("-np", "2", "--cache-ram", "0")),
    Setting("-np 1", 1, ("-np", "1")),
)
SETTINGS = {
    setting.name: setting
    for bare in _BARE
    for setting in (bare, Setting(f"{bare.name}, saving", bare.slots, bare.flags, saves=True))
}


FAMILIES = {
    family.name: family
    for family in (*_FAMILIES, Family("chatml_thinks_on_top", template("chatml_thinks_on_top")))
}
"""Chat templates, and how a model of each writes a reply."""


@dataclass(frozen=True, slots=True)
class Model:
    """`forced`: a grammar makes it say what the plan says; otherwise it generates eight tokens of its own."""

    name: str
    file: Callable[[], Path]
    template: Callable[[str], str]
    forced: bool = True


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="never_worse-"))


def _recurrent() -> Path:
    file = _folder() / "recurrent.gguf"
    return file if file.exists() else write_tiny_recurrent(file)


MODELS = {
    model.name: model
    for model in (
        Model("full", lambda: model_file("tiny", _folder()), template),
        Model(
            "window",
            lambda: model_file("gemma", _folder()),
            lambda _: gemma_template(),
            forced=False,
        ),
        Model("recurrent", _recurrent, template),
    )
}
