"""Defaults, file, environment and flags become one Config, in this rising order.

All problems are reported at once, one line each: source, key, problem, nearest name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmprefix.config import several
from warmprefix.config.key_files import take_key
from warmprefix.config.positions import Location
from warmprefix.config.problems import problems_of
from warmprefix.config.schema import KEYS, SECTIONS, Config, adapter
from warmprefix.config.sources import BACKENDS, Source, of_environment, of_file, of_flags
from warmprefix.config.store_address import split_address, without_file
from warmprefix.core.errors import ConfigError
from warmprefix.stores import STORES, store_kind


@dataclass(frozen=True, slots=True)
class Effective:
    """The configuration in force; `sources`: where the value of each `section.key` comes from."""

    config: Config
    sources: Mapping[str, str]

    @property
    def names_backend(self) -> bool:
        """Whether a file, the environment or a flag says where the backend is."""
        return bool(self.config.backends) or self.sources["backend.url"] != "default"


def load(
    file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    *,
    rule_names: frozenset[str] | None = None,
    text: str | None = None,
) -> Effective:
    """The effective configuration; raises ConfigError with all problems.

    `text`: what the file is to say; by default it is read. `flags` maps `section.key` to a value; None means
    that the flag was not given. Rule names are checked if `rule_names` has the known ones.
    """
    values: dict[str, Any] = {section: {} for section in SECTIONS}
    places = dict.fromkeys(KEYS, "default")
    problems: list[str] = []
    tables, are_tables_right = Source(), False
    for source in (of_file(file, text), of_environment(environ), of_flags(flags)):
        split_address(source)
        without_file(source, values["memory"])
        found = problems_of(source, rule_names)
        problems += [*source.problems, *(problem.line for problem in found)]
        wrong = {problem.at[:2] for problem in found}
        take(source, wrong, values, places)
        if source.values.get(BACKENDS):
            tables, are_tables_right = source, all(at[0] != BACKENDS for at in wrong)
    for section in ("server", "backend"):
        problems += take_key(values[section], places, section)
    for name in ("password", "key"):
        problems += take_key(values["memory"], places, "memory", name)
    problems += refused_place(values["memory"], places)
    problems += contradiction(values["canonicalize"], places)
    if tables.values:
        problems += several.contradictions(tables, places)
        if are_tables_right:
            values[BACKENDS], more = several.completed(tables, values["backend"], places)
            problems += more
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return Effective(adapter().validate_python(values), places)


def take(
    source: Source, wrong: Collection[Location], values: dict[str, Any], places: dict[str, str]
) -> None:
    """Put the valid values of a source over those of the sources before."""
    for path, key in KEYS.items():
        table, at = source.values.get(key.section), (key.section, key.name)
        if isinstance(table, dict) and key.name in table and at not in wrong:
            values[key.section][key.name] = table[key.name]
            places[path] = source.place(at)


def refused_place(memory: Mapping[str, Any], places: Mapping[str, str]) -> list[str]:
    """A line if the store cannot be where `memory.path` says."""
    kind = store_kind(memory["store"]) if "store" in memory else STORES[0]
    problem = kind.refuses(memory["path"]) if memory.get("path") else ""
    return [f"{places['memory.path']}: memory.path: {problem}"] if problem else []


def contradiction(canonicalize: Mapping[str, Any], places: Mapping[str, str]) -> list[str]:
    """A line for a rule that is switched on and off."""
    both = sorted({*canonicalize.get("enable", ())} & {*canonicalize.get("disable", ())})
    return [
        f"{places['canonicalize.disable']}: canonicalize.disable: {name} is also in "
        f"canonicalize.enable ({places['canonicalize.enable']})"
        for name in both
    ]
