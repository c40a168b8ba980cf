"""Every source file has a test file of its own, in the place that mirrors it, or says where it is tested."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "proxy" / "warmprefix"

ELSEWHERE = {
    "__main__.py": "one call: tests/cli/test_commands.py starts it",
    "backends/llamacpp.py": "changes nothing: tests/server/test_headers.py sees that",
    "backends/openai_compatible.py": "changes nothing: tests/server/test_headers.py sees that",
    "backends/vllm.py": "data: tests/backends/test_known.py, tests/server/test_engines.py",
    "backends/sglang.py": "data: tests/backends/test_known.py, tests/server/test_engines.py",
    "backends/ollama.py": "data: tests/backends/test_known.py, tests/server/test_engines.py",
    "backends/mlx.py": "data: tests/backends/test_known.py, tests/server/test_engines.py",
    "backends/lm_studio.py": "data: tests/backends/test_known.py, tests/server/test_engines.py",
    "core/doctor/facts.py": "values without behaviour: tests/core/doctor/test_server.py makes them",
    "core/doctor/finding.py": "values without behaviour: tests/core/doctor/test_findings.py reads them",
    "core/identity/calendar_names.py": "data: tests/core/identity/test_spans.py finds dates by it",
    "core/identity/signs.py": "lists of words: tests/core/identity/test_evidence.py reads lines by them",
    "core/rules/base.py": "what holds for every rule: tests/core/test_laws.py",
    "core/turn.py": "names of what is known of a turn: tests/pipeline/test_stages.py, tests/log/",
    "core/rules/memory_rules.py": "names and reasons; what they do: tests/core/identity/test_volatile.py, "
    "tests/core/identity/test_transient.py",
    "core/slots/seat.py": "values without behaviour: tests/slots/test_table.py makes them",
    "dialects/base.py": "promises without behaviour: tests/test_dialects.py holds every dialect to them",
    "pipeline/prepare.py": "the line that parts are called in: tests/test_breaks.py, tests/test_twins.py",
    "pipeline/remember.py": "what is made of a turn that has ended: tests/test_breaks.py, tests/test_twins.py",
    "profiles/base.py": "how a client is told: tests/profiles/test_profiles.py, "
    "tests/profiles/test_side_requests.py",
    "server/app.py": "composition: tests/server/test_passthrough.py, tests/server/test_api.py through a socket",
    "server/asking.py": "asks a real backend: tests/real/test_breaks_told.py",
    "server/chat.py": "on a socket: tests/server/test_chat_requests.py, tests/server/test_chat_stream.py",
    "server/ending.py": "on a socket: tests/server/test_turn_log.py, tests/server/test_faults.py",
    "server/exchange.py": "on a socket: tests/server/test_chat_stream.py, tests/server/test_client_gone.py",
    "server/parts.py": "walls around others' parts: tests/server/test_faults.py has a row for each",
    "server/way.py": "on a socket: tests/server/test_backends.py, tests/server/test_faults.py",
    "stores/base.py": "promises without behaviour: tests/stores/test_contract.py holds every store to them",
    "stores/far.py": "promises without behaviour: tests/stores/test_contract.py runs on what keeps them",
    "stores/memory.py": "does what is promised: tests/stores/test_contract.py runs on it",
}
"""Files without a test file of their own: why, and which tests break if they do."""

CLIENTS = "tests/profiles/test_profiles.py holds a row for every client"
NAMED = re.compile(r"tests/[\w/]+\.py")


def files() -> list[Path]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in found if path.name != "__init__.py")


def is_client(path: Path) -> bool:
    return "PROFILE = Profile(" in (PACKAGE / path).read_text()


def own_test(path: Path) -> Path:
    return ROOT / "tests" / path.parent / f"test_{path.name}"


@pytest.mark.parametrize("path", files(), ids=str)
def test_a_source_file_has_its_test_file(path: Path) -> None:
    if path.as_posix() in ELSEWHERE or is_client(path):
        assert not own_test(path).exists(), "no longer an exception"
    else:
        assert own_test(path).exists()


@pytest.mark.parametrize("name", ELSEWHERE)
def test_an_exception_is_of_something_that_is_there_and_names_its_tests(name: str) -> None:
    named = NAMED.findall(ELSEWHERE[name])

    assert (PACKAGE / name).exists()
    assert named
    assert [test for test in named if not (ROOT / test).exists()] == []
