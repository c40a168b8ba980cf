"""Every file of the pure layers has a test file of its own, in the place that mirrors it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "proxy" / "warmprefix"
LAYERS = ("core", "dialects", "profiles")

# Files without a test file of their own, and where they are tested instead.
ELSEWHERE = {
    "core/doctor/facts.py": "values without behaviour: tests of the doctor make them",
    "core/doctor/finding.py": "values without behaviour: tests of the doctor read them",
    "core/types.py": "values without behaviour: every test makes them",
    "dialects/base.py": "promises without behaviour: tests/test_dialects.py holds every dialect to them",
    "core/rules/base.py": "tests/core/test_laws.py: what holds for every rule",
    "core/rules/memory_rules.py": "names and reasons; what they do is in test_volatile, test_transient",
    "profiles/base.py": "tests/profiles/test_profiles.py, test_side_requests.py",
}
CLIENTS = "tests/profiles/test_profiles.py holds a row for every client"


def files() -> list[Path]:
    found = [path for layer in LAYERS for path in (PACKAGE / layer).rglob("*.py")]
    return sorted(p.relative_to(PACKAGE) for p in found if p.name != "__init__.py")


def is_client(path: Path) -> bool:
    return "PROFILE = Profile(" in (PACKAGE / path).read_text()


@pytest.mark.parametrize("path", files(), ids=str)
def test_a_source_file_has_its_test_file(path: Path) -> None:
    own = ROOT / "tests" / path.parent / f"test_{path.name}"

    if path.as_posix() in ELSEWHERE or is_client(path):
        assert not own.exists(), "no longer an exception"
    else:
        assert own.exists()
