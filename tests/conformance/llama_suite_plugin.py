"""A plugin of pytest for llama.cpp's tests: nothing is downloaded, and the outcomes are written to a file."""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conformance.llama_suite import RESULTS

_outcomes: dict[str, str] = {}


def _refuse(*_: object, **__: object) -> None:
    raise RuntimeError("nothing is downloaded")


# The package with which the tests download: they import it before any hook of a plugin is called.
_wget = ModuleType("wget")
vars(_wget)["download"] = _refuse
sys.modules["wget"] = _wget


def pytest_collection_finish() -> None:
    """The models are not loaded beforehand."""
    vars(sys.modules["utils"])["ServerPreset"].load_all = staticmethod(lambda: None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has passed if no part of it has done otherwise."""
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish() -> None:
    """All have ended."""
    Path(os.environ[RESULTS]).write_text(json.dumps(_outcomes))
