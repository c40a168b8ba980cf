"""What a release is made of: the workflow, and what the source distribution holds."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
INCLUDED = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
OF_A_CHECKOUT = {".ci", ".gitignore", "pyproject.toml"}
"""What the source distribution lacks, or has anyway."""


def jobs() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    return loaded


def steps() -> list[dict[str, Any]]:
    return [step for job in jobs().values() for step in job["steps"]]


def scripts() -> list[str]:
    return [step["run"] for step in steps() if "run" in step]


def test_a_release_has_wheel_source_distribution_image_and_site() -> None:
    used = [step["uses"].partition("@")[0] for step in steps() if "uses" in step]

    assert "make dist" in scripts()
    assert {"docker/build-push-action", "pypa/gh-action-pypi-publish", "actions/deploy-pages"} <= {
        *used
    }


def test_nothing_is_published_before_the_tests() -> None:
    needed = {name: job.get("needs", []) for name, job in jobs().items()}

    assert needed["test"] == "build"
    assert needed["image"] == "test"
    assert "test" in needed["publish"]
    assert "--strip-components 1" in "".join(scripts())
    assert any("make -C source test" in script for script in scripts())


def test_a_job_may_do_no_more_than_it_needs() -> None:
    whole = yaml.safe_load(WORKFLOW.read_text("utf-8"))["permissions"]
    writes = {
        name: {scope for scope, right in job.get("permissions", {}).items() if right == "write"}
        for name, job in jobs().items()
    }

    assert whole == {"contents": "read"}
    assert {name: rights for name, rights in writes.items() if rights} == {
        "image": {"packages"},
        "publish": {"id-token"},
        "site": {"id-token", "pages"},
    }


@pytest.mark.parametrize("script", scripts())
def test_every_script_is_valid_bash_and_makes_what_there_is(script: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    plain = re.sub(r"\$\{\{.*?\}\}", "x", script)
    checked = subprocess.run([bash, "-n"], input=plain, capture_output=True, text=True, check=False)
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^([\w./-]+):", makefile, re.MULTILINE))
    made = [
        word
        for words in re.findall(r"^make (?:-C \w+ )?(.+)$", script, re.MULTILINE)
        for word in words.split()
    ]

    assert (checked.returncode, checked.stderr) == (0, "")
    assert set(made) <= targets


def test_a_source_distribution_has_all_that_is_in_a_checkout() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tops = {name.partition("/")[0] for name in listed.stdout.splitlines()}

    assert {name.removeprefix("/") for name in INCLUDED} == tops - OF_A_CHECKOUT


def test_what_it_is_to_have_is_there() -> None:
    assert [name for name in INCLUDED if not (ROOT / name.removeprefix("/")).exists()] == []


def test_the_project_says_where_it_lives() -> None:
    urls = PROJECT["project"]["urls"]

    assert {"Homepage", "Documentation", "Changelog", "Issues"} <= {*urls}
    assert all(url.startswith("https://") for url in urls.values())
