"""The recipes: each is whole, says where it comes from, and can be written into an empty file."""

import re
from pathlib import Path

import pytest

from tests.clients.installing import PACKAGES
from warmprefix.connect.documents import FORMATS, changed
from warmprefix.connect.recipes import Given, Recipe, SettingsFile, recipe, recipes
from warmprefix.profiles import PROFILES

GIVEN = Given("http://127.0.0.1:8484", "qwen3", "k", 65536)
WANTED = {
    "open-webui", "opencode", "claude-code", "codex", "cline", "roo", "kilo", "continue", "zed", "crush",
    "qwen-code", "goose", "aider", "hermes", "pi", "openclaw", "llm", "home-assistant", "sillytavern", "n8n",
    "langchain", "openai-sdk", "anthropic-sdk",
}  # fmt: skip
PLACES = re.compile(r"\$(\w+)")


def every_text(value: object) -> list[str]:
    """All texts in a value, names too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in every_text(one)]
    return [text for one in value for text in every_text(one)] if isinstance(value, list) else []


def each() -> list[object]:
    return [pytest.param(one, id=one.name) for one in recipes()]


def test_no_client_is_left_out() -> None:
    assert {one.name for one in recipes()} >= WANTED


@pytest.mark.parametrize("one", each())
def test_a_recipe_says_what_to_do_and_whose_word_it_is(one: Recipe) -> None:
    assert one.file or one.environment or one.steps or one.code
    assert one.source.startswith("https://")
    assert bool(one.tried) != bool(one.untried)
    assert one.profile in {"", *(profile.name for profile in PROFILES)}


@pytest.mark.parametrize("one", each())
def test_nothing_is_left_unfilled(one: Recipe) -> None:
    content = one.file.content if one.file else {}
    texts = [
        one.start,
        one.code,
        *one.steps,
        *every_text(dict(one.environment)),
        *every_text(content),
    ]
    filled = every_text(GIVEN.content(texts))

    assert {name for text in texts for name in PLACES.findall(text)} <= {
        "origin", "url", "key", "model", "context",
    }  # fmt: skip
    assert not [text for text in filled if "$" in text]


@pytest.mark.parametrize("one", each())
def test_a_settings_file_can_be_made_and_names_the_proxy(one: Recipe) -> None:
    if one.file is None:
        return
    text = changed("", one.file.format, GIVEN.content(one.file.content))

    assert GIVEN.origin in text
    assert "qwen3" in text
    assert FORMATS[one.file.format].read(text) == GIVEN.content(one.file.content)


def test_the_version_is_that_of_the_client_that_is_run() -> None:
    """What `make test-clients` installs, it also connects (tests/clients/test_connect.py)."""
    pinned = {
        package.name: re.split(r"[=@]+", (package.pypi or package.npm)[0])[-1]
        for package in PACKAGES
    }
    tried = {one.name: one.tried for one in recipes() if one.name in pinned}

    assert tried == {name: version for name, version in pinned.items() if name in tried}


FILE = SettingsFile(
    "json", "~/.config/tool", ("a.json", "b.json"), {}, "~/Library/tool", "TOOL", "XDG_CONFIG_HOME"
)
PATHS = [
    pytest.param({}, "linux", ".config/tool/a.json", id="usual"),
    pytest.param({}, "darwin", "Library/tool/a.json", id="macos"),
    pytest.param({"XDG_CONFIG_HOME": "/etc/xdg"}, "linux", "/etc/xdg/tool/a.json", id="base"),
    pytest.param({"XDG_CONFIG_HOME": "relative"}, "linux", ".config/tool/a.json", id="relative-base"),
    pytest.param({"TOOL": "/opt/tool"}, "linux", "/opt/tool/a.json", id="own-variable"),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "platform", "path"), PATHS)
def test_the_file_is_where_the_client_looks(
    environ: dict[str, str], platform: str, path: str, tmp_path: Path
) -> None:
    assert FILE.path(environ, tmp_path, platform) == tmp_path / path


def test_the_file_that_is_there_is_the_one(tmp_path: Path) -> None:
    (tmp_path / ".config" / "tool").mkdir(parents=True)
    (tmp_path / ".config" / "tool" / "b.json").touch()

    assert FILE.path({}, tmp_path, "linux").name == "b.json"


def test_a_context_that_stands_alone_is_a_number() -> None:
    assert GIVEN.content({"a": "$context", "b": "$context tokens"}) == {
        "a": 65536,
        "b": "65536 tokens",
    }


def test_a_client_nobody_has_tried_has_no_version() -> None:
    assert recipe("x", 'label = "X"\nsource = "https://x"\nsteps = ["do"]').tried is None
