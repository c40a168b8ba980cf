"""The locked versions in requirements/ are those of pyproject.toml; `make lock` writes them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUN = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = [line for line in (LOCKS / "build.in").read_text().splitlines() if line[0] != "#"]
WANTED = {
    "run.txt": [*RUN, *EXTRAS["redis"]],  # of the image, which may be one of several
    "docs.txt": [*RUN, *EXTRAS["docs"]],
    "embedded.txt": [*RUN, *EXTRAS["embedded"]],
    "test.txt": [*RUN, *EXTRAS["embedded"], *EXTRAS["test"], *BUILD],
    "build.txt": BUILD,
}


def pins(name: str) -> list[Requirement]:
    """The packages of a file with their versions."""
    lines = re.findall(r"^(\S+==.*) \\$", (LOCKS / name).read_text(), re.MULTILINE)
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", WANTED)
def test_a_file_holds_what_pyproject_wants_in_a_version_that_it_allows(name: str) -> None:
    found = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins(name)}
    wanted = [Requirement(line) for line in WANTED[name] if not line.startswith("warmprefix[")]

    missing = [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(
            found.get(canonicalize_name(requirement.name), "0.0.0")
        )
    ]
    assert missing == [], "run: make lock"


@pytest.mark.parametrize("name", WANTED)
def test_every_version_has_hashes(name: str) -> None:
    """pip refuses the whole file otherwise."""
    blocks = re.split(r"^(?=\S)", (LOCKS / name).read_text(), flags=re.MULTILINE)
    packages = [block for block in blocks if block and block[0] != "#"]

    assert [block for block in packages if "--hash=sha256:" not in block] == []
    assert len(packages) == len(pins(name))


@pytest.mark.parametrize("name", ["run.txt", "embedded.txt", "build.txt"])
def test_the_files_hold_the_same_versions(name: str) -> None:
    """Tests run with what users and the image get."""
    tested = {(pin.name, str(pin.specifier)) for pin in pins("test.txt")}

    assert {(pin.name, str(pin.specifier)) for pin in pins(name)} - tested == set()


def test_the_build_tool_is_the_one_of_pyproject() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(BUILD)


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_who_installs_takes_the_locked_versions(file: str) -> None:
    text = (ROOT / file).read_text()
    named = set(re.findall(r"requirements/(\w+\.txt)", text))

    assert named <= set(WANTED)
    assert "build.txt" in named
    assert "--require-hashes" in text
