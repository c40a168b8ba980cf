"""`memory.store = "redis://..."` is the kind and the address in one."""

from pathlib import Path

import pytest

from warmprefix.config.load import load
from warmprefix.core.errors import ConfigError


@pytest.mark.parametrize("address", ["redis://127.0.0.1:6379/0", "REDISS://user@ledger:6380"])
def test_an_address_is_the_kind_and_the_place(address: str, tmp_path: Path) -> None:
    file = tmp_path / "warmprefix.toml"
    file.write_text(f'[memory]\nstore = "{address}"\n')

    from_file = load(file, {}, {})
    from_environment = load(None, {"WARMPREFIX_MEMORY__STORE": address}, {})

    for found in (from_file, from_environment):
        assert (found.config.memory.store, found.config.memory.path) == ("redis", address)
    assert from_file.sources["memory.path"] == f"{file} line 2"
    assert from_environment.sources["memory.path"] == "environment WARMPREFIX_MEMORY__STORE"


def test_a_later_source_may_have_another_address() -> None:
    environ = {"WARMPREFIX_MEMORY__STORE": "redis://one:1"}

    assert (
        load(None, environ, {"memory.store": "redis://two:2"}).config.memory.path == "redis://two:2"
    )


def test_the_file_of_another_kind_of_store_may_stand_beside_it() -> None:
    """The image sets one."""
    environ = {
        "WARMPREFIX_MEMORY__STORE": "redis://h",
        "WARMPREFIX_MEMORY__PATH": "/data/ledger.db",
    }

    assert load(None, environ, {}).config.memory.path == "redis://h"


def test_an_address_in_a_file_outlives_the_file_of_the_image(tmp_path: Path) -> None:
    file = tmp_path / "warmprefix.toml"
    file.write_text('[memory]\nstore = "redis://h"\n')
    image = {"WARMPREFIX_MEMORY__PATH": "/data/ledger.db"}

    assert load(file, image, {}).config.memory.path == "redis://h"
    sqlite = load(file, image | {"WARMPREFIX_MEMORY__STORE": "sqlite"}, {})
    assert sqlite.config.memory.path == "/data/ledger.db"
    other = load(file, {"WARMPREFIX_MEMORY__PATH": "redis://other"}, {})
    assert other.config.memory.path == "redis://other"


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('store = "redis://u:secret@h"', "line 2: memory.path: leave out the password"),
        ('store = "redis://"', "line 2: memory.path: must be an address like redis://"),
        ('path = "redis://h"\nstore = "redis://h"', "line 2: memory.path: leave it out;"),
        ('store = "mysql://h"', "is not one of sqlite, memory, redis"),
        ("store = 7", "line 2: memory.store"),
    ],
)
def test_what_is_wrong_with_an_address(toml: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "warmprefix.toml"
    file.write_text(f"[memory]\n{toml}\n")

    with pytest.raises(ConfigError) as caught:
        load(file, {}, {})
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)


def test_tables_of_the_wrong_type_are_left_to_the_others(tmp_path: Path) -> None:
    file = tmp_path / "warmprefix.toml"
    file.write_text("memory = 1\n")

    with pytest.raises(ConfigError, match="memory"):
        load(file, {}, {})
