"""The audit of what is installed: a known fault fails, and nobody to ask is said and fails nothing.

The real pip-audit runs; only the service it asks is a double on a real socket.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from tests.security.audit import Verdict, ask, hashed, judge, without_hash

FAULT = {
    "id": "GHSA-made-up",
    "aliases": ["CVE-0000-0001"],
    "affected": [
        {
            "package": {"name": "made-up", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
    "summary": "made up",
}


@contextmanager
def service(answer: Any, status: int = 200) -> Iterator[str]:
    """The URL of an advisory service in the shape of https://google.github.io/osv.dev/post-v1-query/."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(answer).encode()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Row(NamedTuple):
    id: str
    answer: Any
    status: int
    passes: bool
    says: str
    explained: dict[str, str]


ROWS = [
    Row("none", {}, 200, True, "asked for 1 packages, 0 known", {}),
    Row("known", {"vulns": [FAULT]}, 200, False, "fixed in 1.1: NOT EXPLAINED", {}),
    Row("explained", {"vulns": [FAULT]}, 200, True, ": not used", {"CVE-0000-0001": "not used"}),
    Row("refused", {}, 403, True, "could not ask", {}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_only_a_known_fault_that_nobody_explained_fails(row: Row, tmp_path: Path) -> None:
    with service(row.answer, row.status) as url:
        verdict = judge(*ask(made_up(tmp_path, url)), row.explained)

    assert row.says in " ".join(verdict.lines)
    assert verdict.passes is row.passes


def test_nobody_to_ask_is_said(tmp_path: Path) -> None:
    with service({}) as url:
        pass  # the port is free again, so nothing listens there
    verdict = judge(*ask(made_up(tmp_path, url)))

    assert "could not ask" in verdict.lines[0]
    assert verdict.passes


def made_up(folder: Path, url: str) -> list[str]:
    """Arguments that ask this service about one package."""
    requirements = folder / "requirements.txt"
    requirements.write_text("made-up==1.0\n")
    return [
        f"--requirement={requirements}",
        f"--cache-dir={folder / 'cache'}",
        *("--no-deps", "--disable-pip", "--vulnerability-service=osv", f"--osv-url={url}"),
    ]


def test_a_mirror_without_advisories_is_nobody_to_ask() -> None:
    """PyPI's mirrors often have packages but no /pypi/<name>/<version>/json."""
    report = {"dependencies": [{"name": "a", "skip_reason": "a not found"}], "fixes": []}

    assert judge(json.dumps(report), "") == Verdict(
        ("pip-audit: could not ask: a not found",), True
    )


LOCKS = {
    "pip": (
        "requirements/run.txt",
        "a==1 \\\n    --hash=sha256:0\n# c\nb==2\n    # via a\n",
        "b==2",
    ),
    "npm": (
        "tests/clients/npm/package-lock.json",
        json.dumps({"packages": {"": {}, "a": {"integrity": "sha512-0"}, "b": {"version": "2"}}}),
        "b",
    ),
}


@pytest.mark.parametrize(("name", "text", "bare"), LOCKS.values(), ids=LOCKS)
def test_an_entry_of_a_lock_file_without_a_hash_fails(
    name: str, text: str, bare: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)

    assert without_hash(path) == [bare]
    assert not hashed(tmp_path).passes
    assert hashed().passes


def test_an_audit_that_breaks_fails() -> None:
    assert judge(*ask(["--no-such-option"])).passes is False
