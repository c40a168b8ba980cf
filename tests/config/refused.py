"""Settings that must be refused, and the lines that say so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from warmprefix.config import load
from warmprefix.core.errors import ConfigError

RULES = frozenset({"tool-order", "freeze-volatile", "edge-whitespace", "hermes:freeze-volatile"})


@dataclass(frozen=True)
class Bad:
    """A configuration that must be refused; `says` are the parts of the message."""

    id: str
    says: tuple[str, ...]
    toml: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, object] = field(default_factory=dict)


def message_of(case: Bad, folder: Path) -> str:
    """What is said of a case."""
    file = folder / "config.toml"
    file.write_text(case.toml)

    with pytest.raises(ConfigError) as refused:
        load(file, case.environ, case.flags, rule_names=RULES)

    return str(refused.value)


def assert_refused(case: Bad, folder: Path) -> None:
    """One line, which begins with the place and says what it should."""
    message = message_of(case, folder)

    assert "\n" not in message
    assert all(part in message for part in case.says), message
    assert (
        not case.toml
        or case.environ
        or case.flags
        or message.startswith(f"{folder / 'config.toml'} line ")
    )
