"""Several backends in the settings: tables, the environment, what is shared, and every refusal."""

import json
from pathlib import Path

import pytest

from tests.config.meanings import TABLE_MEANINGS
from tests.config.refused import Bad, assert_refused
from warmprefix.config import Config, NamedBackend, effective_lines, load
from warmprefix.config.schema import TABLE_KEYS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
TWO = """
[backend]
connect_timeout_s = 1.5

[[backends]]
url = "http://one:8080/"
models = ["code"]
weight = 2

[[backends]]
name = "second"
url = "http://two:8080"
kind = "lemonade"
connect_timeout_s = 3
"""
ONE, SECOND = (
    NamedBackend(
        url="http://one:8080",
        connect_timeout_s=1.5,
        models=("code",),
        weight=2.0,
        name="one:8080",
    ),
    NamedBackend(url="http://two:8080", kind="lemonade", connect_timeout_s=3.0, name="second"),
)


def written(folder: Path, toml: str) -> Path:
    file = folder / "config.toml"
    file.write_text(toml)
    return file


def test_tables_are_backends_that_share_the_timeouts_of_the_section(tmp_path: Path) -> None:
    file = written(tmp_path, TWO)

    effective = load(file, {}, {})

    assert effective.config.backends == (ONE, SECOND)
    assert effective.config.every_backend() == (ONE, SECOND)
    assert effective.sources["backends[0].url"] == f"{file} line 6"
    assert effective.sources["backends[0].connect_timeout_s"] == f"{file} line 3"
    assert effective.sources["backends[1].connect_timeout_s"] == f"{file} line 14"
    assert effective.sources["backends[1].models"] == "default"


def test_without_tables_the_section_is_the_only_backend() -> None:
    environ = {"WARMPREFIX_BACKEND__URL": "http://h:1", "WARMPREFIX_BACKENDS": "[]"}

    config = load(None, environ, {}).config

    assert config.backends == ()
    assert config.every_backend() == (NamedBackend(url="http://h:1", name="h:1"),)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    tables = json.dumps([{"url": "http://three:1", "models": ["m"]}])

    effective = load(written(tmp_path, TWO), {"WARMPREFIX_BACKENDS": tables}, {})

    assert [backend.name for backend in effective.config.backends] == ["three:1"]
    assert effective.config.backends[0].connect_timeout_s == 1.5
    assert effective.sources["backends[0].models"] == "environment WARMPREFIX_BACKENDS"


def test_several_backends_are_printed_as_toml_that_loads_to_the_same(tmp_path: Path) -> None:
    before = load(written(tmp_path, TWO), {}, {})
    lines = effective_lines(before)

    assert load(written(tmp_path, "\n".join(lines)), {}, {}).config == before.config
    assert sum(line == "[[backends]]" for line in lines) == 2
    assert any("line 14" in line for line in lines if line.startswith("connect_timeout_s = 3.0"))


@pytest.mark.parametrize("name", ["models", "weight", "name", "owner"])
def test_the_example_shows_every_key_of_a_table_with_its_default(name: str) -> None:
    key = TABLE_KEYS[name]
    shown = list(key.default) if isinstance(key.default, tuple) else key.default

    assert f"\n# # {TABLE_MEANINGS[name]}\n# {name} = {json.dumps(shown)}\n" in EXAMPLE.read_text()


def test_the_tables_of_the_example_are_accepted_as_they_are(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    block = text.split("# [[backends]]\n", 1)[1].split("\n\n")[0]
    toml = "[[backends]]\n" + block.replace("# ", "", 1).replace("\n# ", "\n").replace(
        "\n#\n", "\n"
    )

    backends = load(written(tmp_path, toml), {}, {}).config.backends

    assert [backend.name for backend in backends] == ["127.0.0.1:8080", "127.0.0.1:8081"]
    assert backends[0] == NamedBackend(url="http://127.0.0.1:8080", name="127.0.0.1:8080")
    assert Config().every_backend() == backends[:1]


TABLE = '[[backends]]\nurl = "http://one:1"\n'
BAD = [
    Bad(
        "both",
        ("line 4: backend.url: [[backends]] are set too", "line 1", "leave out one"),
        f'{TABLE}[backend]\nurl = "http://two:1"\n',
    ),
    Bad("both-by-flag", ("flag --backend: ",), TABLE, flags={"backend.url": "http://two:1"}),
    Bad("kind-too", ("backend.kind: ",), TABLE, {"WARMPREFIX_BACKEND__KIND": "lemonade"}),
    Bad("no-url", ("line 3: backends[1]: url is missing",), f"{TABLE}[[backends]]\nweight = 2"),
    Bad("unknown-key", ("line 3: backends[0].wight", "mean weight?"), f"{TABLE}wight = 2"),
    Bad("no-weight", ("line 3: backends[0].weight: must be more than 0",), f"{TABLE}weight = 0"),
    Bad("url-with-v1", ("leave out /v1",), '[[backends]]\nurl = "http://one:1/v1"'),
    Bad("twice", ("line 3: backends[1]: one:1 is there twice",), TABLE + TABLE),
    Bad("one-table", ("must be tables, written [[backends]]",), '[backends]\nurl = "http://h:1"'),
    Bad("no-table", ("must be tables",), "backends = 3"),
    Bad("no-json", ("must be a JSON list",), environ={"WARMPREFIX_BACKENDS": "http://one:1"}),
    Bad("no-tables", ("must be a JSON list",), environ={"WARMPREFIX_BACKENDS": '["http://h"]'}),
    Bad(
        "in-the-environment",
        ("environment WARMPREFIX_BACKENDS: backends[0].models: must be a list",),
        environ={"WARMPREFIX_BACKENDS": '[{"url": "http://one:1", "models": "m"}]'},
    ),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_bad_backends_are_refused_in_one_line_that_says_where(case: Bad, tmp_path: Path) -> None:
    assert_refused(case, tmp_path)
