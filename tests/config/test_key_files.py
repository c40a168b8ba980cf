"""Keys in files of their own, and keys that nobody gets to see."""

import json
from pathlib import Path

import pytest

from warmprefix.config import effective_lines, load
from warmprefix.core.errors import ConfigError

SECTIONS = ("server", "backend")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_key_may_stand_in_a_file(section: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary-key\n")
    variable = f"WARMPREFIX_{section.upper()}__API_KEY_FILE"

    found = load(None, {variable: str(file)}, {})

    assert getattr(found.config, section).api_key == "canary-key"
    assert found.sources[f"{section}.api_key"] == f"file {file}"
    assert "canary-key" not in "".join(effective_lines(found))
    assert "canary-key" not in repr(found)


@pytest.mark.parametrize("name", ["password", "key"])
def test_secrets_of_the_ledger_may_stand_in_files(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary\n")

    found = load(None, {f"WARMPREFIX_MEMORY__{name.upper()}_FILE": str(file)}, {})

    assert getattr(found.config.memory, name) == "canary"
    assert "canary" not in "".join(effective_lines(found))
    assert "canary" not in repr(found)
    file.write_text(" ")
    with pytest.raises(ConfigError, match=f"memory.{name}_file: .* is empty"):
        load(None, {f"WARMPREFIX_MEMORY__{name.upper()}_FILE": str(file)}, {})


BAD = [
    pytest.param(None, {}, "cannot be read: No such file", id="no-file"),
    pytest.param(b" \n", {}, "is empty", id="empty"),
    pytest.param(b"canary key\n", {}, "its key must be visible ASCII", id="with-a-blank"),
    pytest.param(b"\xff", {}, "its key is not text", id="no-text"),
    pytest.param(
        b"canary",
        {"WARMPREFIX_BACKEND__API_KEY": "canary"},
        "the key itself is set too (environment WARMPREFIX_BACKEND__API_KEY)",
        id="both",
    ),
]


@pytest.mark.parametrize(("content", "environ", "message"), BAD)
def test_a_key_file_that_is_no_use_is_refused_without_telling_it(
    content: bytes | None, environ: dict[str, str], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError) as error:
        load(None, {"WARMPREFIX_BACKEND__API_KEY_FILE": str(file), **environ}, {})

    assert message in str(error.value)
    assert "canary" not in str(error.value)
    assert "WARMPREFIX_BACKEND__API_KEY_FILE: backend.api_key_file: " in str(error.value)


def test_several_backends_have_the_shared_key_or_their_own(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.write_text("canary-shared")
    own.write_text("canary-own")
    tables = [
        {"url": "http://127.0.0.1:1"},
        {"url": "http://127.0.0.1:2", "api_key": "canary-given"},
        {"url": "http://127.0.0.1:3", "api_key_file": str(own)},
    ]
    environ = {
        "WARMPREFIX_BACKEND__API_KEY_FILE": str(shared),
        "WARMPREFIX_BACKENDS": json.dumps(tables),
    }

    found = load(None, environ, {})

    keys = [backend.api_key for backend in found.config.backends]
    assert keys == ["canary-shared", "canary-given", "canary-own"]
    assert "canary" not in "".join(effective_lines(found))
    assert found.sources["backends[2].api_key"] == f"file {own}"


def test_a_table_gives_its_key_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary")
    table = {"url": "http://127.0.0.1:1", "api_key": "canary", "api_key_file": str(file)}

    with pytest.raises(ConfigError, match=r"backends\[0\].api_key_file: the key itself is set too"):
        load(None, {"WARMPREFIX_BACKENDS": json.dumps([table])}, {})
