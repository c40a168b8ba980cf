"""Every hint that can be printed, applied as it says to settings copied from the example and to none.

The proxy takes the settings then, and the hint is not given again. What hints are worth: test_hints.py beside
it.
"""

import re
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest
import tomlkit

from tests.cases.apply import run
from tests.cli.test_commands import empty_folder
from tests.cli.test_serve import serving
from tests.core.explain.test_cures import CASES, Case
from tests.fakes.running_proxy import Backend
from tests.servers.stock import stock_binary, stock_environment
from warmprefix.config import load
from warmprefix.core.errors import ConfigError
from warmprefix.core.explain.cures import hint_of
from warmprefix.core.explain.hint import Hint, InForce
from warmprefix.pipeline.in_force import in_force
from warmprefix.profiles import rule_names

__all__ = ["empty_folder"]

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def hint(case: Case) -> Hint:
    return hint_of(case.broken, case.force)


def known(case: Case) -> bool:
    """Whether the settings in force are ones that a file can have."""
    return not {*case.force.enable, *case.force.disable} - rule_names()


SETTINGS = [case for case in CASES if hint(case).command is not None and known(case)]
BEGINNINGS = [pytest.param(True, id="example"), pytest.param(False, id="nothing")]


def begun(file: Path, force: InForce, is_example: bool) -> Path:
    """A settings file in which this is in force, copied from the example or as small as can be."""
    document = tomlkit.parse(EXAMPLE.read_text("utf-8") if is_example else "")
    wanted: dict[str, dict[str, object]] = {
        "canonicalize": {"enable": list(force.enable), "disable": list(force.disable)},
        "memory": {"restore_reasoning": force.restore_reasoning},
    }
    for section, values in wanted.items():
        for name, value in values.items():
            if is_example or value not in ([], "auto"):
                document.setdefault(section, tomlkit.table())[name] = value
    file.write_text(tomlkit.dumps(document), "utf-8")
    return file


def in_force_then(file: Path, case: Case) -> InForce:
    """What is in force with these settings."""
    found = in_force(load(file, {}, {}, rule_names=rule_names()).config)(case.force.client)
    return replace(found, client=case.force.client, able=case.force.able)


@pytest.mark.parametrize("is_example", BEGINNINGS)
@pytest.mark.parametrize("case", SETTINGS, ids=attrgetter("id"))
def test_the_command_of_a_hint_takes_the_hint_away(
    case: Case, is_example: bool, tmp_path: Path
) -> None:
    file = begun(tmp_path / "own.toml", case.force, is_example)
    asked = hint(case)
    assert asked.command is not None

    run(asked.command, file)

    again = hint_of(case.broken, in_force_then(file, case))
    if case.broken.side == "proxy":  # such a break cannot come again: the proxy no longer does that
        slots = load(file, {}, {}).config.slots
        assert "off" in (slots.pin, slots.save)
    else:
        assert (again.command, again.paste) != (asked.command, asked.paste)


@pytest.mark.parametrize("is_example", BEGINNINGS)
@pytest.mark.parametrize("case", SETTINGS, ids=attrgetter("id"))
def test_what_is_to_be_pasted_says_what_the_command_does(
    case: Case, is_example: bool, tmp_path: Path
) -> None:
    """Put beside what is there, that is: in the section, in the place of the setting."""
    file, by_hand = begun(tmp_path / "own.toml", case.force, is_example), tmp_path / "by-hand.toml"
    asked = hint(case)
    assert asked.paste is not None
    assert asked.command is not None
    document = tomlkit.parse(file.read_text("utf-8"))
    for section, values in tomllib.loads(asked.paste).items():
        document.setdefault(section, tomlkit.table()).update(values)
    by_hand.write_text(tomlkit.dumps(document), "utf-8")
    run(asked.command, file)

    assert load(by_hand, {}, {}).config == load(file, {}, {}).config


def test_a_paste_at_the_end_of_a_copied_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    text = EXAMPLE.read_text("utf-8")
    file.write_text(f'{text}\n[canonicalize]\nenable = ["freeze-volatile"]\n', "utf-8")

    with pytest.raises(ConfigError) as error:
        load(file, {}, {})

    assert "[canonicalize] twice: put what is below the second into the first" in str(error.value)
    assert "warmprefix config set" in str(error.value)
    assert "('" not in str(error.value)


def test_a_paste_into_an_empty_file_is_enough(tmp_path: Path) -> None:
    for case in SETTINGS:
        file = tmp_path / f"{case.id}.toml"
        file.write_text(hint(case).paste or "", "utf-8")
        load(file, {}, {}, rule_names=rule_names())


async def test_the_proxy_starts_with_every_setting_of_a_hint(tmp_path: Path) -> None:
    """All of them together, but for those that take one another back."""
    file = tmp_path / "hints.toml"
    shutil.copy(EXAMPLE, file)
    for case in SETTINGS:
        command = hint(case).command or ""
        if "+" in command or "memory." in command or "slots." in command:
            run(command, file)
    run("warmprefix config set memory.store memory", file)
    async with Backend() as backend:
        flags = ("--config", str(file))
        async with serving(tmp_path, backend.url, flags=flags) as process:
            said = "".join(process.errors)

    assert "listening on" in said


SOURCES = sorted((Path(__file__).parents[2] / "proxy").rglob("*.py"))
ADVICE = sorted(
    {found for file in SOURCES
     for found in re.findall(r"warmprefix config set [^\"'`{]+(?=[\"'`])", file.read_text("utf-8"))}
)  # fmt: skip


def test_there_is_something_to_try() -> None:
    """Tables that are empty would skip their tests."""
    assert SETTINGS
    assert ADVICE


@pytest.mark.parametrize("is_example", BEGINNINGS)
@pytest.mark.parametrize("command", ADVICE)
def test_what_doctor_and_help_advise_can_be_pasted(
    command: str, is_example: bool, tmp_path: Path
) -> None:
    run(command, begun(tmp_path / "own.toml", InForce(), is_example))


FLAGS = sorted(
    {word for case in CASES if hint(case).where == "backend"
     for word in shlex.split(hint(case).paste or "") if word.startswith("--")}
)  # fmt: skip


OURS = {"--backend", "--probe"}
"""Options of warmprefix, of which `doctor` speaks too."""
DOCTORS = sorted(
    {flag for file in SOURCES if file.parent.name == "doctor"
     for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", file.read_text("utf-8"))} - OURS
)  # fmt: skip
"""What `doctor` says of llama-server's options, in advice and reasons."""


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
def test_llama_server_knows_every_flag_of_a_hint() -> None:
    """And every one that `doctor` names."""
    program = stock_binary()
    assert program is not None
    shown = subprocess.run(
        [program, "--help"], capture_output=True, text=True, check=True, env=stock_environment()
    )
    words = set(re.findall(r"--[\w-]+", shown.stdout))

    assert FLAGS
    assert DOCTORS
    assert [flag for flag in (*FLAGS, *DOCTORS) if flag not in words] == []


@pytest.mark.parametrize("case", CASES, ids=attrgetter("id"))
def test_what_cannot_be_set_says_so(case: Case) -> None:
    found = hint(case)

    assert (found.paste is None) == (found.where == "none")
    if found.where == "none":
        assert found.text.startswith("nothing can be set against it: ")
