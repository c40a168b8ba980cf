"""Where the ledger and the log lie on disk."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from warmprefix.config import ledger_path, log_path, sums_path
from warmprefix.config.schema import LogConfig, MemoryConfig

LEDGER_PATHS = [
    pytest.param("/x/l.db", {}, Path("/x/l.db"), id="given"),
    pytest.param("~/l.db", {}, Path.home() / "l.db", id="home"),
    pytest.param("", {"XDG_DATA_HOME": "/d"}, Path("/d/warmprefix/ledger.db"), id="xdg"),
    pytest.param(
        "",
        {"XDG_DATA_HOME": "relative"},
        Path.home() / ".local/share/warmprefix/ledger.db",
        id="xdg-relative-is-ignored",
    ),
    pytest.param("", {}, Path.home() / ".local/share/warmprefix/ledger.db", id="default"),
]


@pytest.mark.parametrize(("path", "environ", "expected"), LEDGER_PATHS)
def test_the_ledger_lives_in_the_data_folder_unless_named(
    path: str, environ: Mapping[str, str], expected: Path
) -> None:
    assert ledger_path(MemoryConfig(path=path), environ) == expected


def test_the_log_has_a_file_only_when_named() -> None:
    assert log_path(LogConfig()) is None
    assert log_path(LogConfig(file="~/turns.log")) == Path.home() / "turns.log"


def test_each_port_has_its_sums_unless_nothing_is_to_be_on_disk() -> None:
    memory = MemoryConfig(path="/x/l.db")

    assert sums_path(memory, {}, 8484) == Path("/x/sums-8484.json")
    assert sums_path(memory, {}, 0) is None
    assert sums_path(MemoryConfig(store="memory"), {}, 8484) is None
