"""Commands find the proxy that runs on this machine."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import typer

from warmprefix.cli.doctor import backend_of_what_runs
from warmprefix.cli.which import DEFAULT_URL, usable_url, which
from warmprefix.config.running import announced

URL, OTHER = "http://127.0.0.1:9001", "http://127.0.0.1:9002"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "warmprefix"


def test_if_none_runs_it_is_the_default_one(folder: Path) -> None:
    assert which(None) == DEFAULT_URL
    assert backend_of_what_runs() is None
    assert not folder.exists()


def test_the_one_that_runs_is_meant(folder: Path) -> None:
    with announced(folder, URL, [OTHER]):
        assert which(None) == URL
        assert backend_of_what_runs() == OTHER


def test_what_is_named_is_meant(folder: Path) -> None:
    with announced(folder, URL, []):
        assert which(OTHER) == OTHER


def test_a_proxy_of_several_backends_has_none_to_speak_of(folder: Path) -> None:
    with announced(folder, URL, [OTHER, URL]):
        assert backend_of_what_runs() is None


def test_a_backend_that_several_proxies_share_needs_no_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        stack.enter_context(announced(folder, URL, [OTHER]))
        monkeypatch.setattr("os.getpid", lambda: 1)  # of a process that runs
        stack.enter_context(announced(folder, "http://127.0.0.1:8600", [OTHER]))

        assert backend_of_what_runs() == OTHER


def test_of_several_the_backend_of_one_must_be_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    with ExitStack() as stack:
        stack.enter_context(announced(folder, URL, ["http://127.0.0.1:8080"]))
        monkeypatch.setattr("os.getpid", lambda: 1)  # of a process that runs
        stack.enter_context(announced(folder, OTHER, ["http://127.0.0.1:8081"]))
        with pytest.raises(typer.Exit) as ended:
            backend_of_what_runs()
        monkeypatch.setenv("WARMPREFIX_BACKEND__URL", "http://127.0.0.1:8082")
        named = backend_of_what_runs()

    assert ended.value.exit_code == 2
    error = capsys.readouterr().err
    assert f"{OTHER} (http://127.0.0.1:8081)" in error
    assert "name a backend with --backend" in error
    assert named is None


def test_of_several_one_must_be_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        stack.enter_context(announced(folder, URL, []))
        monkeypatch.setattr("os.getpid", lambda: 1)  # of a process that runs
        stack.enter_context(announced(folder, OTHER, []))
        with pytest.raises(typer.Exit) as ended:
            which(None)

    assert ended.value.exit_code == 2
    error = capsys.readouterr().err
    assert URL in error
    assert OTHER in error
    assert "--url" in error


def test_an_address_without_a_scheme_is_refused_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (usable_url(None), usable_url(OTHER)) == (None, OTHER)
    for wrong in ("nonsense", "127.0.0.1:8484", "ftp://host", "http://"):
        with pytest.raises(typer.Exit) as ended:
            usable_url(wrong)
        assert ended.value.exit_code == 2
        assert f'flag --url: "{wrong}" is not an address like http' in capsys.readouterr().err
