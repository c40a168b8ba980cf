"""The files for service managers: they say what exists, and wait as long as the proxy needs to end."""

import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from warmprefix.config import Config
from warmprefix.config.schema import KEYS

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "service" / "warmprefix.service"
PLIST = ROOT / "service" / "warmprefix.plist"
PAGE = ROOT / "docs" / "operations.md"
USER_UNIT = re.findall(r"```ini\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
UNITS = {"warmprefix.service": UNIT.read_text("utf-8"), "operations.md": USER_UNIT}

Options = dict[str, list[str]]


def options(unit: str) -> Options:
    """The values of each option of a unit, in order."""
    found: Options = {}
    for line in unit.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS.values(), ids=list(UNITS))
def test_systemd_finds_nothing_wrong_with_a_unit(unit: str, tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd-analyze here")
    file = tmp_path / "warmprefix.service"
    file.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", unit))
    ran = subprocess.run([verify, "verify", str(file)], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS.values(), ids=list(UNITS))
def test_a_unit_runs_the_command_and_waits_for_its_end(unit: str) -> None:
    program, command, *_ = shlex.split(options(unit)["ExecStart"][0])

    assert (Path(program).name, command) == ("warmprefix", "serve")
    assert options(unit)["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert options(unit)["Restart"] == ["on-failure"]
    assert int(options(unit)["TimeoutStopSec"][0]) > Config().server.shutdown_grace_s


def test_the_unit_of_the_machine_names_settings_that_exist() -> None:
    named = re.findall(r"WARMPREFIX_([A-Z]+)__([A-Z_]+)=", UNITS["warmprefix.service"])

    assert {f"{section}.{key}".lower() for section, key in named} <= set(KEYS)
    assert named


CLOSED = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "MemoryDenyWriteExecute": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "UMask": "0077",
}


@pytest.mark.parametrize("name", CLOSED)
def test_the_unit_of_the_machine_is_closed(name: str) -> None:
    assert options(UNITS["warmprefix.service"])[name] == [CLOSED[name]]


def test_its_ledger_is_in_the_folder_that_it_may_write() -> None:
    unit = options(UNITS["warmprefix.service"])

    assert unit["StateDirectory"] == ["warmprefix"]
    assert unit["Environment"] == ["WARMPREFIX_MEMORY__PATH=%S/warmprefix/ledger.db"]


def test_launchd_can_read_its_file_and_waits_for_the_end() -> None:
    agent = plistlib.loads(PLIST.read_bytes())

    assert agent["Label"] == PLIST.stem
    assert agent["RunAtLoad"] is True
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["ExitTimeOut"] > Config().server.shutdown_grace_s
    assert agent["Umask"] == 0o077


def test_what_launchd_runs_starts_the_proxy_in_the_folder_of_its_settings(tmp_path: Path) -> None:
    shell, flag, script = plistlib.loads(PLIST.read_bytes())["ProgramArguments"]
    program = tmp_path / ".local" / "bin" / "warmprefix"
    for folder in (program.parent, tmp_path / "Library" / "Logs"):
        folder.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@" in "$PWD" >&2\n')
    program.chmod(0o755)
    ran = subprocess.run(
        [shell, flag, script], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=False
    )
    said = (tmp_path / "Library" / "Logs" / "warmprefix.log").read_text()

    assert ran.returncode == 0
    assert said == f"serve in {tmp_path}/.config/warmprefix\n"
