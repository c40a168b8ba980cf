"""Asks whether what is installed has known faults: `make audit`, which the project's check runs.

An entry of a lock file without a hash fails. A fault that is known fails, unless `EXPLAINED` says why it does
not reach us. Where nobody can be asked (no network; a mirror that has packages but no advisories) one line says
so, and nothing fails.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPLAINED: Mapping[str, str] = {}
"""Advisory, by any of its ids, and why it does not reach us."""

_ROOT = Path(__file__).parents[2]
_INSTALLED = ("--local", "--skip-editable")
_TIMEOUT_S = 300
_NO_NETWORK = re.compile(r"Connect|Timeout|ProxyError|SSLError|HTTPError|ServiceError")
# What pip-audit raises, or requests for it, where PyPI does not answer (pip_audit/_service/pypi.py).


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to print, and whether the check may go on."""

    lines: tuple[str, ...]
    passes: bool


def main() -> None:
    verdicts = (hashed(), judge(*ask(_INSTALLED)))
    print(*(line for verdict in verdicts for line in verdict.lines), sep="\n")
    sys.exit(0 if all(verdict.passes for verdict in verdicts) else 1)


def hashed(root: Path = _ROOT) -> Verdict:
    """The verdict on the lock files: every entry must say by which bytes it is known."""
    bare = [f"{path.name}: {entry}" for path in _locks(root) for entry in without_hash(path)]
    if bare:
        return Verdict(tuple(f"  {line} HAS NO HASH" for line in bare), False)
    return Verdict((f"lock files: {len(_locks(root))}, every entry with its hash",), True)


def without_hash(path: Path) -> list[str]:
    """The entries of a lock file, pip's or npm's, that have no hash."""
    text = path.read_text()
    if path.suffix == ".json":
        packages: dict[str, dict[str, Any]] = json.loads(text)["packages"]
        return [name for name, entry in packages.items() if name and "integrity" not in entry]
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    entries = [block for block in blocks if block.strip() and block[0] != "#"]
    return [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


def _locks(root: Path) -> list[Path]:
    npm = root / "tests" / "clients" / "npm" / "package-lock.json"
    return [*sorted((root / "requirements").glob("*.txt")), *([npm] if npm.exists() else [])]


def ask(arguments: Sequence[str]) -> tuple[str, str]:
    """What pip-audit says of the packages that `arguments` name, and what it complains of."""
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    try:
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        return "", f"Timeout: {error}"
    return done.stdout, done.stderr


def judge(output: str, errors: str, explained: Mapping[str, str] = EXPLAINED) -> Verdict:
    """The verdict on a report of pip-audit, or on there being none."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except ValueError:
        reason = (errors.strip().splitlines() or ["it said nothing"])[-1][:300]
        if _NO_NETWORK.search(reason):
            return Verdict((f"pip-audit: could not ask: {reason}",), True)
        return Verdict((f"pip-audit failed: {reason}",), False)
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return Verdict((f"pip-audit: could not ask: {_skipped(packages)}",), True)
    found = [_line(package, fault, explained) for package in asked for fault in package["vulns"]]
    others = len(packages) - len(asked)
    count = f"pip-audit: asked for {len(asked)} packages, {len(found)} known faults"
    count += f"; {others} not asked for: {_skipped(packages)}" if others else ""
    return Verdict((count, *(line for line, _ in found)), all(passes for _, passes in found))


def _line(
    package: Mapping[str, Any], fault: Mapping[str, Any], explained: Mapping[str, str]
) -> tuple[str, bool]:
    ids = [fault["id"], *fault.get("aliases", ())]
    reason = next((explained[name] for name in ids if name in explained), None)
    fixed = ", ".join(fault.get("fix_versions", ())) or "nowhere yet"
    what = f"{package['name']} {package['version']}: {' '.join(ids)}, fixed in {fixed}"
    return f"  {what}: {reason or 'NOT EXPLAINED'}", reason is not None


def _skipped(packages: Sequence[Mapping[str, Any]]) -> str:
    reasons = [str(package["skip_reason"]) for package in packages if "skip_reason" in package]
    return "; ".join(reasons[:1]) + (f" (and {len(reasons) - 1} more)" if reasons[1:] else "")


if __name__ == "__main__":
    main()
