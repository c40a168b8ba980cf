"""The sources of settings: a TOML file, the environment, flags.

Only their form is checked here. `[[backends]]` are tables of a file, or a JSON list in WARMPREFIX_BACKENDS.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warmprefix.config.checks import closest, did_you_mean, quoted
from warmprefix.config.meant import meant
from warmprefix.config.positions import Location, key_lines
from warmprefix.config.schema import KEYS
from warmprefix.core.errors import ConfigError

PREFIX = "WARMPREFIX_"
BACKENDS = "backends"
FLAGS = {"server.host": "--host", "server.port": "--port", "backend.url": "--backend"}
VARIABLES: Mapping[str, str] = {path.upper().replace(".", "__"): path for path in [*KEYS, BACKENDS]}
"""The setting of each variable; the variable's name is written with the prefix."""

SERVICE_VARIABLE = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
"""Variables that Kubernetes sets in every pod for a Service whose name begins with `warmprefix`.

Source: kubernetes.io, "Service", section "Environment variables". Its `..._PORT` is recognised by its value.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Tables as in TOML, and where each of their values stands, like `config.toml line 12`.

    `problems`: a line for each part that could not be read.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Location, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def put(self, path: str, value: object, place: str) -> None:
        """Add the value of one setting."""
        section, _, name = path.partition(".")
        self.values.setdefault(section, {})[name] = value
        self.places[section, name] = place

    def known(self, at: Location) -> Location:
        """The longest beginning of a location that has a place."""
        while at and at not in self.places:
            at = at[:-1]
        return at

    def place(self, at: Location) -> str:
        """Where a value stands, or where the table begins that should have it."""
        return self.places[self.known(at)]


def of_file(file: Path | None, text: str | None = None) -> Source:
    """The settings of a TOML file; none if there is no file. `text`: its text; by default it is read."""
    if file is None:
        return Source()
    try:
        text = read_text(file) if text is None else text
        values = parse_toml(file, text)
    except ConfigError as error:
        return Source(problems=[str(error)])
    lines = key_lines(text).items()
    return Source(values, {(): str(file), **{at: f"{file} line {line}" for at, line in lines}})


def read_text(file: Path) -> str:
    """The file's text; a byte order mark at the start is dropped."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{file}: cannot be read: {reason}") from None


def parse_toml(file: Path, text: str) -> dict[str, Any]:
    """The file's tables; tomllib's message names the line, which is moved to the front."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)", message)
        line = at[1] if at and at[1] else str(text.count("\n") + 1)
        reason = in_toml(message[: at.start()] if at else message)
        raise ConfigError(f"{file} line {line}: not valid TOML: {reason}") from None


def in_toml(reason: str) -> str:
    """What tomllib says, with names as TOML writes them; and what to do about a section that stands there
    twice, as after a paste."""
    named = _TUPLE.sub(lambda found: f"[{'.'.join(_QUOTED.findall(found[0]))}]", reason)
    if named.startswith("Cannot declare"):
        return f"{named}: put what is below the second into the first, or use warmprefix config set"
    return named


_TUPLE = re.compile(r"\((?:'[^']*'(?:, |,)?)+\)")
_QUOTED = re.compile(r"'([^']*)'")


def of_environment(environ: Mapping[str, str]) -> Source:
    """The settings of our environment variables, sorted by name."""
    source = Source()
    for variable in sorted(environ):
        text, place = environ[variable], f"environment {variable}"
        if not variable.startswith(PREFIX) or is_foreign(variable, text):
            continue
        name = variable.removeprefix(PREFIX)
        path = VARIABLES.get(name)
        if path is None:
            source.problems.append(
                f"{place}: unknown setting{did_you_mean(_variable(name), PREFIX)}"
            )
            continue
        try:
            if path != BACKENDS:
                source.put(path, from_text(text, KEYS[path].default), place)
            elif text:
                source.values[BACKENDS] = json_list(text, '{"url": "http://127.0.0.1:8080"}', dict)
                source.places[BACKENDS,] = place
        except ValueError as error:
            source.problems.append(f"{place}: {path}: {error}")
    return source


def _variable(name: str) -> str | None:
    """The variable that was meant by this one, without the prefix."""
    if "__" not in name:
        return closest(name, VARIABLES)
    path = meant(name.lower().replace("__", ".", 1))
    return path.upper().replace(".", "__") if path else None


def is_foreign(variable: str, text: str) -> bool:
    """Whether Kubernetes set this variable for a Service whose name begins with ours."""
    if SERVICE_VARIABLE.search(variable):
        return True
    return variable.endswith("_PORT") and text.startswith(("tcp://", "udp://", "sctp://"))


def from_text(text: str, default: object) -> object:
    """The value of a variable, by the type of the setting's default; the text itself if it has no other
    meaning.

    Raises ValueError if a list is expected and the text is none.
    """
    if isinstance(default, tuple):
        return json_list(text, '"a", "b"', object)
    if isinstance(default, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            return text
    return text


def json_list(text: str, like: str, of: type) -> list[object]:
    """The JSON list in a text; raises ValueError for anything else."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list) and all(isinstance(element, of) for element in value):
        return value
    raise ValueError(f"must be a JSON list like [{like}], not {quoted(text)}")


def of_flags(flags: Mapping[str, object]) -> Source:
    """The settings of the flags that were given; None means that one was not."""
    source = Source()
    for path, value in flags.items():
        if value is not None:
            source.put(path, value, f"flag {FLAGS.get(path, path)}")
    return source
