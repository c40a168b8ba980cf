"""One setting in a file is changed; everything else in it stays, and nothing wrong is ever written."""

import stat
from pathlib import Path

import pytest

from warmprefix.config.edit import changed, shown_changes, write
from warmprefix.core.errors import ConfigError

RULES = frozenset({"a", "b", "c", "codex:a"})
FILE = """\
# mine
[canonicalize]   # rules
enable = [
  "a",  # the first
  "b",
]

[server]
port = 9   # odd
"""


def after(text: str | None, path: str, *words: str, folder: Path) -> str:
    file = folder / "s.toml"
    if text is not None:
        file.write_text(text)
    return changed(file, path, words, RULES)


def test_a_name_is_added_to_a_list_and_comments_stay(tmp_path: Path) -> None:
    text = after(FILE, "canonicalize.enable", "+codex:a", folder=tmp_path)

    assert [line for line in FILE.splitlines() if line not in text.splitlines()] == []
    assert "codex:a" in text
    assert "# the first" in text


ROWS = [
    pytest.param(None, "canonicalize.enable", ["+a"], '[canonicalize]\nenable = ["a"]\n', id="no-file"),
    pytest.param("", "server.port", ["9000"], "[server]\nport = 9000\n", id="number"),
    pytest.param("", "server.shutdown_grace_s", ["2.5"], "[server]\nshutdown_grace_s = 2.5\n", id="float"),
    pytest.param("", "log.excerpts", ["true"], "[log]\nexcerpts = true\n", id="switch"),
    pytest.param("", "memory.store", ["memory"], '[memory]\nstore = "memory"\n', id="text"),
    pytest.param("", "server.api_key", ["k"], '[server]\napi_key = "k"\n', id="key"),
    pytest.param("[log] # x\nlevel = 'info' # y\n", "log.level", ["debug"],
                 '[log] # x\nlevel = "debug" # y\n', id="replaced"),
    pytest.param('[canonicalize]\nenable = ["a", "b"]\n', "canonicalize.enable", ["-a", "+c"],
                 '[canonicalize]\nenable = ["b", "c"]\n', id="removed-and-added"),
    pytest.param('[canonicalize]\nenable = ["a"]\n', "canonicalize.enable", ["+a"],
                 '[canonicalize]\nenable = ["a"]\n', id="there-already"),
    pytest.param('[canonicalize]\nenable = ["a"]\n', "canonicalize.enable", ["b", "c"],
                 '[canonicalize]\nenable = ["b", "c"]\n', id="another-list"),
    pytest.param('[canonicalize]\nenable = ["a"]\n', "canonicalize.enable", ["[]"],
                 "[canonicalize]\nenable = []\n", id="emptied"),
    pytest.param('canonicalize.enable = ["a"]\n', "canonicalize.enable", ["+b"],
                 'canonicalize.enable = ["a", "b"]\n', id="dotted"),
    pytest.param('canonicalize = {enable = ["a"]}\n', "canonicalize.disable", ["+b"],
                 'canonicalize = {enable = ["a"],disable = ["b"]}\n', id="inline"),
    pytest.param('[[backends]]\nurl = "http://h:1"\n', "log.level", ["debug"],
                 '[[backends]]\nurl = "http://h:1"\n\n[log]\nlevel = "debug"\n', id="behind-tables"),
    pytest.param("[log]\r\nlevel = 'info'\r\n", "log.level", ["debug"],
                 '[log]\r\nlevel = "debug"\r\n', id="line-ends"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "words", "expected"), ROWS)
def test_a_value_is_changed_in_its_place(
    text: str | None, path: str, words: list[str], expected: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "s.toml").write_bytes(text.encode())

    assert changed(tmp_path / "s.toml", path, words, RULES) == expected


WRONG = [
    pytest.param("", "server.prt", ["1"], "no setting is called server.prt; did you mean server.port?"),
    pytest.param("", "zzz", ["1"], "no setting is called zzz; `warmprefix config` shows all of them"),
    pytest.param("", "server.port", ["1", "2"], "server.port takes one value, not 2"),
    pytest.param("", "canonicalize.enable", ["+z"], 'no rule is called "z"'),
    pytest.param("", "canonicalize.enable", ["+a", "b"], "give each name a sign"),
    pytest.param("", "canonicalize.enable", ["-a"], "canonicalize.enable has no a in this file"),
    pytest.param('[canonicalize]\ndisable = ["a"]\n', "canonicalize.enable", ["+a"], "is also in"),
    pytest.param("server = 1\n", "server.port", ["1"], "must be a section, written [server]"),
    pytest.param("[server\n", "server.port", ["1"], "s.toml line 1: not valid TOML"),
    pytest.param("[log]\nlevel = 'info'\nlevel = 'info'\n", "server.port", ["1"],
                 "s.toml line 3: not valid TOML"),
    pytest.param("[log]\n[server]\n[log]\n", "server.port", ["1"],
                 "s.toml line 3: not valid TOML: Cannot declare [log] twice: put what is below"),
    pytest.param("[server]\nprt = 1\n", "server.port", ["1"], "unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "words", "message"), WRONG)
def test_what_would_not_be_valid_is_refused(
    text: str, path: str, words: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        after(text, path, *words, folder=tmp_path)

    assert message in str(refused.value)
    assert (tmp_path / "s.toml").read_text() == text


SHOWN = [
    pytest.param("", "server.port", ["x"], ['server.port: must be a whole number, not the text "x"'],
                 id="new-file"),
    pytest.param("[server]\nport = 9\n", "server.port", ["99999"],
                 ["server.port: must be 65535 or less, not 99999"], id="value"),
    pytest.param("[log]\nlevel = 'info'\n[server]\nprt = 1\n", "log.excerpts", ["true"],
                 ["s.toml line 4: server.prt: unknown key; did you mean server.port?"],
                 id="of-a-line-below-it"),
    pytest.param("[server]\nport = 70000\n", "log.level", ["loud"],
                 ["s.toml line 2: server.port: must be 65535 or less, not 70000",
                  'log.level: the text "loud" is not one of error, warning, info, debug'], id="both"),
    pytest.param('[canonicalize]\ndisable = ["a"]\n', "canonicalize.enable", ["+a"],
                 ["canonicalize.disable: a is also in canonicalize.enable (s.toml)"],
                 id="contradiction"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "words", "lines"), SHOWN)
def test_a_line_that_is_named_is_one_of_the_file_as_it_is(
    text: str,
    path: str,
    words: list[str],
    lines: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        changed(Path("s.toml"), path, words, RULES)

    assert str(refused.value).splitlines() == lines


def test_what_the_editor_cannot_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tomlkit.dumps", lambda document: "[server")
    with pytest.raises(ConfigError, match=r"server\.port cannot be changed by a program; edit it"):
        after("", "server.port", "1", folder=tmp_path)


def test_the_file_keeps_its_mode_and_its_text_before(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("old")
    file.chmod(0o640)

    backup = write(file, "new")

    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert backup == tmp_path / "s.toml.bak"
    assert backup.read_text() == "old"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.toml", "s.toml.bak"]


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    assert write(tmp_path / "s.toml", "new") is None
    assert stat.S_IMODE((tmp_path / "s.toml").stat().st_mode) == 0o600


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("old")
    (tmp_path / "s.toml").symlink_to(tmp_path / "real.toml")
    write(tmp_path / "s.toml", "new")

    assert (tmp_path / "s.toml").is_symlink()
    assert (tmp_path / "real.toml").read_text() == "new"


def test_a_folder_that_is_missing_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"s\.toml: cannot be written: No such file"):
        write(tmp_path / "none" / "s.toml", "new")


def test_a_secret_is_not_shown() -> None:
    old = "[server]\napi_key = 'hidden'\nport = 1\n"
    lines = shown_changes(Path("s.toml"), old, old.replace("port = 1", "port = 2"))

    assert "+port = 2" in lines
    assert ' api_key = "********"' in lines
    assert "hidden" not in "\n".join(lines)
