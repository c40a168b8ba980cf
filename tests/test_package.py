"""What `import warmprefix` gives: the names for programs, and nothing loaded for them."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import warmprefix
from warmprefix import library
from warmprefix.library import breaks, canonical, ledger

ROOT = Path(__file__).parents[1]
LOADED = "import sys, warmprefix; print(*(x for x in sys.modules if x.startswith('warmprefix.')))"


def test_the_package_alone_loads_none_of_its_rooms() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.split() == []


def test_the_names_of_the_package_are_those_of_the_library_and_the_version() -> None:
    assert {*warmprefix.__all__} == {*library.__all__, "__version__"}
    assert {*warmprefix.__all__} <= {*dir(warmprefix)}
    assert [
        name for name in library.__all__ if getattr(warmprefix, name) is not getattr(library, name)
    ] == []


def test_another_name_is_an_attribute_error_like_anywhere() -> None:
    with pytest.raises(AttributeError, match="module 'warmprefix' has no attribute 'proxy'"):
        warmprefix.__getattr__("proxy")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(warmprefix.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("module", [breaks, canonical, ledger], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]

    assert tried
    assert not failed


def test_the_examples_on_the_page_are_true() -> None:
    failed, tried = doctest.testfile(str(ROOT / "docs" / "library.md"), module_relative=False)

    assert tried > 20
    assert not failed
