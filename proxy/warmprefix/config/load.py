"""Defaults, file, environment and flags become one Config, in this rising order.

Every problem is a ConfigError of one line: where, which key, what is wrong, the nearest valid name.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from warmprefix.config.checks import checked, from_text, nearest
from warmprefix.config.key_files import key_of_file
from warmprefix.config.positions import key_lines
from warmprefix.config.schema import (
    KEYS,
    SECTIONS,
    BackendConfig,
    CanonicalizeConfig,
    Config,
    LogConfig,
    MemoryConfig,
    PrewarmConfig,
    ServerConfig,
    SlotsConfig,
)
from warmprefix.config.several import (
    SECTION,
    VARIABLE,
    named_backends,
    tables_of_environment,
    tables_of_file,
)
from warmprefix.core.errors import ConfigError

PREFIX = "WARMPREFIX_"

SERVICE_VARIABLE = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
"""Variables that Kubernetes sets in every pod for a Service whose name begins with `warmprefix`.

Source: kubernetes.io, "Service", section "Environment variables". Its `..._PORT` is told by value.
"""


@dataclass(frozen=True, slots=True)
class Effective:
    """The configuration in force; `sources` tells where the value of each `section.key` is from."""

    config: Config
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """One value as the user gave it. `source` reads like `config.toml line 12`."""

    path: str
    value: object
    source: str


def load(
    file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    *,
    rule_names: frozenset[str] | None = None,
) -> Effective:
    """The effective configuration; raises ConfigError.

    `flags` maps `section.key` to a value; None stands for a flag that was not given. Rule names are
    checked when `rule_names` holds the known ones.
    """
    values = {path: key.default for path, key in KEYS.items()}
    sources = dict.fromkeys(KEYS, "default")
    document = read(file)
    for given in (*from_file(document), *from_environment(environ), *from_flags(flags)):
        try:
            values[given.path] = checked(KEYS[given.path], given.value, rule_names)
        except ValueError as error:
            raise ConfigError(f"{given.source}: {given.path}: {error}") from None
        sources[given.path] = given.source
    for section in ("server", "backend"):
        take_key_of_file(values, sources, section)
    config = build(values)
    check_contradiction(config.canonicalize, sources)
    tables = tables_of_environment(environ) or tables_of_file(
        document.file, document.tables.get(SECTION, []), document.lines
    )
    backends = named_backends(tables, config.backend, sources)
    return Effective(replace(config, backends=backends), sources)


def take_key_of_file(values: dict[str, Any], sources: dict[str, str], section: str) -> None:
    """Put the key of a section's key file in its place; raises ConfigError."""
    key, file = f"{section}.api_key", f"{section}.api_key_file"
    if values[file]:
        values[key] = key_of_file(file, values[file], sources[file], values[key] and sources[key])
        sources[key] = f"file {values[file]}"


def build(values: Mapping[str, Any]) -> Config:
    """The Config of checked values, one for every path of KEYS."""
    of: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for path, value in values.items():
        section, name = path.split(".")
        of[section][name] = value
    return Config(
        server=ServerConfig(**of["server"]),
        backend=BackendConfig(**of["backend"]),
        canonicalize=CanonicalizeConfig(**of["canonicalize"]),
        memory=MemoryConfig(**of["memory"]),
        slots=SlotsConfig(**of["slots"]),
        prewarm=PrewarmConfig(**of["prewarm"]),
        log=LogConfig(**of["log"]),
    )


def check_contradiction(canonicalize: CanonicalizeConfig, sources: Mapping[str, str]) -> None:
    """Raises ConfigError for a rule that is switched on and off."""
    both = sorted({*canonicalize.enable} & {*canonicalize.disable})
    if both:
        raise ConfigError(
            f"{sources['canonicalize.disable']}: canonicalize.disable: {both[0]} is also in "
            f"canonicalize.enable ({sources['canonicalize.enable']})"
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A settings file: its tables, and the line on which each key begins."""

    file: Path | None
    tables: Mapping[str, object]
    lines: Mapping[tuple[str, ...], int]


def read(file: Path | None) -> Document:
    """The settings file; an empty document where there is none."""
    if file is None:
        return Document(None, {}, {})
    text = read_text(file)
    return Document(file, parse_toml(file, text), key_lines(text))


def from_file(document: Document) -> Iterator[Given]:
    """The values of a TOML file, in its order, without those of several backends."""
    file, lines = document.file, document.lines
    for section, table in document.tables.items():
        if section == SECTION:
            continue
        source = f"{file} line {lines.get((section,), 1)}"
        if section not in SECTIONS:
            raise ConfigError(f"{source}: {section}: unknown section{section_hint(section)}")
        if not isinstance(table, dict):
            raise ConfigError(f"{source}: {section}: must be a section, written [{section}]")
        for name, value in table.items():
            line = lines.get((section, name), 1)
            yield known(f"{section}.{name}", value, f"{file} line {line}")


def read_text(file: Path) -> str:
    """The file's text; a byte order mark at its begin is dropped."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{file}: cannot be read: {reason}") from None


def parse_toml(file: Path, text: str) -> dict[str, object]:
    """The file's tables; tomllib's message names the line, which is moved to the front."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)", message)
        line = at[1] if at and at[1] else str(text.count("\n") + 1)
        reason = message[: at.start()] if at else message
        raise ConfigError(f"{file} line {line}: not valid TOML: {reason}") from None


def section_hint(name: str) -> str:
    """A hint for an unknown section: one that is alike, or the one that has a key of this name."""
    owner = next((key.section for key in KEYS.values() if key.name == name), None)
    if owner:
        return f"; {name} belongs into [{owner}]"
    return nearest(name, SECTIONS)


def known(path: str, value: object, source: str) -> Given:
    """The value under a known path; raises ConfigError for an unknown key."""
    if path not in KEYS:
        raise ConfigError(f"{source}: {path}: unknown key{nearest(path, KEYS)}")
    return Given(path, value, source)


def from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """The values of our environment variables, sorted by name; an empty number is an error."""
    names = {PREFIX + path.upper().replace(".", "__"): path for path in KEYS}
    for variable in sorted(environ):
        text = environ[variable]
        if not variable.startswith(PREFIX) or is_foreign(variable, text) or variable == VARIABLE:
            continue
        source = f"environment {variable}"
        if variable not in names:
            raise ConfigError(f"{source}: unknown setting{nearest_variable(variable, names)}")
        path = names[variable]
        try:
            yield Given(path, from_text(KEYS[path], text), source)
        except ValueError as error:
            raise ConfigError(f"{source}: {path}: {error}") from None


def is_foreign(variable: str, text: str) -> bool:
    """Whether Kubernetes set this variable for a Service whose name begins with ours."""
    if SERVICE_VARIABLE.search(variable):
        return True
    return variable.endswith("_PORT") and text.startswith(("tcp://", "udp://", "sctp://"))


def nearest_variable(variable: str, names: Mapping[str, str]) -> str:
    """The hint for an unknown variable; variables are written in capitals."""
    by_lower = {name.lower(): name for name in names}
    hint = nearest(variable, by_lower)
    return re.sub(r"warmprefix_\w+", lambda found: by_lower[found[0]], hint)


def from_flags(flags: Mapping[str, object]) -> Iterator[Given]:
    """The values of the flags that were given."""
    for path, value in flags.items():
        if value is not None:
            yield Given(path, value, f"flag {KEYS[path].setting.flag or path}")
