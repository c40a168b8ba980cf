"""One version: of the project, of the package, and at the top of the changelog."""

import re
import tomllib
from datetime import date
from pathlib import Path

from warmprefix import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HEADINGS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_package_and_the_project_have_one_version() -> None:
    assert PROJECT["version"] == __version__


def test_the_changelog_begins_with_what_is_not_released_and_then_has_this_version_with_its_date() -> (
    None
):
    unreleased, newest, *_ = HEADINGS
    version, day = newest.split(" - ")

    assert unreleased == "Unreleased"
    assert version == __version__
    assert date.fromisoformat(day) >= date(2026, 11, 27)
