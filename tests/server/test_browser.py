"""The dashboard is opened if there is a screen."""

from pathlib import Path

import pytest

from warmprefix.server.browser import has_screen, open_page


@pytest.mark.parametrize(
    ("environ", "platform", "has"),
    [
        pytest.param({}, "linux", False, id="none"),
        pytest.param({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, id="wayland"),
        pytest.param({"DISPLAY": ""}, "linux", False, id="empty"),
        pytest.param({}, "darwin", True, id="macos"),
    ],
)
def test_a_browser_needs_a_screen(environ: dict[str, str], platform: str, has: bool) -> None:
    assert has_screen(environ, platform) is has


async def test_the_page_is_opened_and_the_browser_writes_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho noise\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")

    await open_page("http://127.0.0.1:8484/warmprefix/")

    assert opened.read_text() == "http://127.0.0.1:8484/warmprefix/\n"
    assert capfd.readouterr().out == ""


async def test_without_a_screen_the_address_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")

    await open_page("http://p/")

    assert "the dashboard is at http://p/" in caplog.text
