"""What the page says that one sees is what the program says. Commands: tests/test_documented_commands.py."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.servers.stock import stock_binary, stock_environment
from warmprefix.backends.usual import USUAL

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
SEEN = re.findall(r"\*\*What you see\.\*\* (.*?)\n\n", PAGE, re.DOTALL)
OF_OTHERS = {
    "Invalid API Key": "llama-server",
    "System message must be at the beginning": "a chat template",
    "curl": "a program",
    "slot_reason": "a field of the log",
}
"""Who says it, if it is not warmprefix."""

_VARIES = re.compile(r"https?://[\d.:]+|\.\.\.|`")
_LEAST = 10  # characters of a piece that is looked for


DEFAULTS = re.findall(r"^\| `(--[a-z-]+)[^`]*` \| ([\w, -]+) \|", PAGE, re.MULTILINE)
"""The flags of llama-server in the table, with the default that it gives each."""
SAID = {"off": ("disabled", "false", "0"), "0, off": ("0",), "8192": ("8192",)}
"""How `llama-server --help` says such a default."""


def source() -> str:
    """All of the package, with texts in one piece that stand in several lines."""
    files = (ROOT / "proxy").rglob("*.py")
    return "\n".join(re.sub(r'"\s*\n\s*f?"', "", file.read_text("utf-8")) for file in files)


def quoted() -> list[str]:
    """What the page quotes of what one sees, without what differs from one machine to another."""
    codes = (" ".join(code.split()) for text in SEEN for code in re.findall(r"`([^`]+)`", text))
    pieces = (
        piece.strip(" :;,.")
        for code in codes
        if code not in OF_OTHERS
        for piece in _VARIES.split(code)
    )
    return [
        piece for piece in pieces if len(piece) >= _LEAST and not piece.startswith("warmprefix ")
    ]


@pytest.mark.parametrize("text", quoted())
def test_what_the_page_quotes_is_said_by_the_program(text: str) -> None:
    assert text in source()


def test_there_is_something_to_see_in_most_sections() -> None:
    assert len(SEEN) >= 5
    assert len(quoted()) >= 6


@pytest.mark.parametrize(
    "heading", ["Reuse stays 0", "Slots not known", "My backend has a key", "Which port?"]
)
def test_what_users_ask_has_a_heading(heading: str) -> None:
    assert f"\n## {heading}\n" in PAGE


@pytest.mark.parametrize("flag", ["--cache-ram", "--slot-save-path", "--swa-full", "--cache-reuse"])
def test_a_flag_that_helps_has_a_row(flag: str) -> None:
    assert re.search(rf"^\| `{flag} ?[^`]*` \|", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def llama_help() -> str:
    """What the stock llama-server says of its flags."""
    binary = stock_binary()
    if binary is None:
        pytest.skip("no llama-server; make servers")
    command = [str(binary), "--help"]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=True, env=stock_environment()
    )
    return " ".join(ran.stdout.split())


@pytest.mark.backend
@pytest.mark.parametrize(("flag", "default"), DEFAULTS)
def test_a_default_is_the_servers_own(flag: str, default: str, llama_help: str) -> None:
    found = re.search(rf"{flag} .*?\(default: ([\w-]+)", llama_help)

    assert found is not None
    if default in SAID:
        assert found[1] in SAID[default]


def test_the_table_has_defaults() -> None:
    assert {default for _, default in DEFAULTS} >= set(SAID)


@pytest.mark.backend
def test_the_servers_own_port_is_looked_at(llama_help: str) -> None:
    """And the page names it."""
    found = re.search(r"--port PORT .*?\(default: (\d+)\)", llama_help)

    assert found is not None
    assert f"http://127.0.0.1:{found[1]}" in USUAL
    assert re.search(rf"^\| [\d or]*{found[1]}[\d or]* \| llama-server", PAGE, re.MULTILINE)
