"""The documentation as a site: every page is in it, and every link leads somewhere there too."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docs.site import ROOT, collect, linked, pages

yaml = pytest.importorskip("yaml")

SITE = ROOT / "mkdocs.yml"
MKDOCS = shutil.which("mkdocs") or str(ROOT / ".venv-docs" / "bin" / "mkdocs")


def settings() -> dict[str, Any]:
    """The settings of MkDocs. They may name a function of Python, which is left out."""
    plain = re.sub(r"!!python/\S+", "", SITE.read_text("utf-8"))
    loaded: dict[str, Any] = yaml.safe_load(plain)
    return loaded


def leaves(nav: Any) -> list[str]:
    """The pages of a menu."""
    if isinstance(nav, str):
        return [nav]
    return [
        page for part in (nav.values() if isinstance(nav, dict) else nav) for page in leaves(part)
    ]


def test_the_menu_has_every_page_once() -> None:
    assert sorted(leaves(settings()["nav"])) == [page.as_posix() for page in pages()]


def test_what_is_collected_is_where_the_site_is_built_from(tmp_path: Path) -> None:
    copied = collect(tmp_path / "pages")

    assert {*pages(), Path("config.example.toml")} <= {*copied}
    assert [file for file in copied if not (tmp_path / "pages" / file).is_file()] == []
    assert f"-m docs.site {settings()['docs_dir']}" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_link_of_a_page_leads_to_a_file_that_is_collected(page: Path) -> None:
    """Not to a folder, which a site does not show."""
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", (ROOT / page).read_text("utf-8"))

    assert len([*linked(page)]) == len(targets)


def test_collecting_again_leaves_nothing_of_before(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("gone")

    collect(tmp_path)

    assert not (tmp_path / "old.md").exists()


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert settings()["theme"]["font"] is False


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """With `make docs` once before."""
    if not Path(MKDOCS).exists():
        pytest.skip("no MkDocs here; make docs installs it")
    collect(tmp_path / "pages")
    config = tmp_path / "mkdocs.yml"
    config.write_text(SITE.read_text("utf-8").replace("build/", f"{tmp_path}/"))
    command = [MKDOCS, "build", "--quiet", "--strict", "--config-file", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "site" / "index.html").exists()
