"""What each client needs so that it speaks to the proxy: recipes/, a TOML file a client.

A recipe says which version it was tried with, and which page of the client's own documentation it follows. In
its texts `$origin` is the address of the proxy, `$url` that with /v1, `$key`, `$model` and `$context` the
key, the model's name and how many tokens it takes.
"""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from warmprefix.connect.documents import Content

_CONTEXT = "$context"
NO_KEY = "x"
"""What a client sends that insists on a key if none is asked for; any word will do."""
NO_MODEL = "NAME"
USUAL_CONTEXT = 32768
"""Tokens, if the backend does not say how many: clients that are told too few only sum up their history
earlier."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the texts are filled with. `context`: tokens."""

    origin: str
    model: str = NO_MODEL
    key: str = NO_KEY
    context: int = USUAL_CONTEXT

    def filled(self, text: str) -> str:
        """The text with the values in their places."""
        return Template(text).safe_substitute(
            origin=self.origin,
            url=f"{self.origin}/v1",
            model=self.model,
            key=self.key,
            context=str(self.context),
        )

    def content(self, value: Any) -> Any:
        """The value with all its texts filled in, names too; a context that stands alone is a number."""
        if isinstance(value, str):
            return self.context if value == _CONTEXT else self.filled(value)
        if isinstance(value, Mapping):
            return {self.filled(name): self.content(one) for name, one in value.items()}
        if isinstance(value, Sequence):
            return [self.content(one) for one in value]
        return value


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The client's file for its user. It is in `folder`, or where the variable `variable` says; `base`: the
    variable that stands for ~/.config. `names`: those that the client looks for, the usual one first.
    `content` is put in; `first` too if the file is new."""

    format: str
    folder: str
    names: Sequence[str]
    content: Content
    folder_macos: str = ""
    variable: str = ""
    base: str = ""
    first: Mapping[str, Any] = field(default_factory=dict)

    def path(self, environ: Mapping[str, str], home: Path, platform: str = sys.platform) -> Path:
        """Where it is, or will be."""
        folder = self.folder_macos if self.folder_macos and platform == "darwin" else self.folder
        place = home / folder.removeprefix("~").removeprefix("/")
        base = Path(environ.get(self.base) or "") if self.base else Path()
        if base.is_absolute():
            place = base / folder.removeprefix("~/.config/")
        own = environ.get(self.variable) if self.variable else ""
        if own:
            place = Path(own).expanduser()
        found = (place / name for name in self.names)
        return next((path for path in found if path.exists()), place / self.names[0])


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one client needs. `tried`: the version, None if nobody has; `untried`: why not; `source`: whose word
    it is.

    `profile`: the name under which it is logged; `environment`: variables that are enough; `file`: its
    settings;
    `steps`: what to do by hand; `code`: for a library; `start`: how it is started then.
    """

    name: str
    label: str
    source: str
    tried: str | None = None
    untried: str = ""
    profile: str = ""
    start: str = ""
    steps: tuple[str, ...] = ()
    code: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    file: SettingsFile | None = None


@cache
def recipes() -> tuple[Recipe, ...]:
    """All of them, by name."""
    folder = files("warmprefix.connect").joinpath("recipes")
    found = (one for one in folder.iterdir() if one.name.endswith(".toml"))
    read = (recipe(one.name.removesuffix(".toml"), one.read_text("utf-8")) for one in found)
    return tuple(sorted(read, key=lambda one: one.name))


def recipe(name: str, text: str) -> Recipe:
    """The recipe that a file holds."""
    values = tomllib.loads(text)
    file = values.pop("file", None)
    settings = SettingsFile(**file) if file is not None else None
    return Recipe(name, **{**values, "steps": tuple(values.get("steps", ())), "file": settings})
