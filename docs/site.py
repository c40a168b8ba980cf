"""Collects the pages of the documentation site in one folder, as they stand in the repository: `make docs`.

Links between them hold there as they do here. What a page links to besides (config.example.toml, a picture) is
put beside it.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def pages() -> list[Path]:
    """All pages, relative to the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[!.]*/README.md")]
    return sorted(path.relative_to(ROOT) for path in found)


def linked(page: Path) -> Iterator[Path]:
    """The files that a page links to."""
    at = (ROOT / page).parent
    for target in _LINK.findall((ROOT / page).read_text("utf-8")):
        file = (at / target).resolve()
        if file.is_file():
            yield file.relative_to(ROOT)


def collect(folder: Path) -> list[Path]:
    """Copies pages and what they link to into an empty folder; returns what was copied."""
    files = {*pages(), *(file for page in pages() for file in linked(page))}
    shutil.rmtree(folder, ignore_errors=True)
    for file in sorted(files):
        copy = folder / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, copy)
    return sorted(files)


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
