"""Whatever a user can set, call or read is documented, and what is documented is there."""

import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from tests.chat_dialect import PATHS
from tests.clients.described import CLIENTS, Client
from tests.clients.test_connect import STARTS
from tests.metric_names import metric_names
from tests.write_docs import CLIENTS as CLIENTS_PAGE
from tests.write_docs import PAGE, clients_page, rules_page
from warmprefix.cli import app
from warmprefix.config import Config
from warmprefix.connect.recipes import Recipe, recipes
from warmprefix.core.explain.cures import CAUSES
from warmprefix.core.rules import RULE_NAMES
from warmprefix.core.types import Kind, Outcome
from warmprefix.counters import REASONS
from warmprefix.dialects.responses import RESPONSES
from warmprefix.log.writer import FIELDS
from warmprefix.profiles import PROFILES
from warmprefix.profiles.base import Profile

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])
SOURCE_FOLDERS = (ROOT, ROOT / "proxy" / "warmprefix", ROOT / "tests", ROOT / "bench")
OWN_PAGES = [page for page in PAGES if page != PAGE]  # that one quotes sources of other projects


def test_the_page_of_rules_is_what_the_rules_say() -> None:
    """`make docs` writes it; a rule that is not on it fails here."""
    assert PAGE.read_text("utf-8") == rules_page(), "run: make docs"


def test_the_recipes_of_clients_are_what_connect_prints() -> None:
    assert CLIENTS_PAGE.read_text("utf-8") == clients_page(), "run: make docs"


@pytest.mark.parametrize("name", sorted(RULE_NAMES))
def test_every_rule_has_a_section(name: str) -> None:
    assert f"\n### {name}\n" in PAGE.read_text("utf-8")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_the_log_is_explained(field: str) -> None:
    assert f"| `{field}` |" in REFERENCE


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_is_documented(name: str) -> None:
    assert f"| `{name}` |" in REFERENCE


def test_every_metric_documented_is_there() -> None:
    assert set(re.findall(r"\| `(warmprefix_\w+)` \|", REFERENCE)) == set(metric_names())


@pytest.mark.parametrize("value", [value.value for value in (*Kind, *Outcome)])
def test_every_kind_and_outcome_is_explained(value: str) -> None:
    assert f"`{value}`" in REFERENCE


@pytest.mark.parametrize("value", sorted(CAUSES | REASONS))
def test_every_cause_and_reason_is_explained(value: str) -> None:
    assert f"`{value}`" in REFERENCE


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_rule_that_is_recommended_for_a_client_is_on_the_page_of_clients(
    profile: Profile,
) -> None:
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")
    assert [name for name in profile.recommended if f'"{name}"' not in page] == []


RUN = {"langchain", *(client.name for client in CLIENTS), *(start.name for start in STARTS)}
"""The recipes that `make test-clients` runs; langchain as LangGraph."""


@pytest.mark.parametrize(
    "recipe", [one for one in recipes() if one.name not in RUN], ids=lambda one: one.name
)
def test_a_client_that_is_not_run_has_a_reason_on_the_page(recipe: Recipe) -> None:
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")

    assert re.search(rf"^\| {re.escape(recipe.label)} \| \w+ ", page, re.MULTILINE)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.title)
def test_every_client_that_is_run_has_its_figures(client: Client) -> None:
    assert f"\n| `{client.title}` |" in (ROOT / "docs" / "clients.md").read_text("utf-8")


def commands() -> list[str]:
    return [str(command.name) for command in app.registered_commands]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"warmprefix {command}" in README


@pytest.mark.parametrize("path", sorted({*PATHS, *RESPONSES.paths}))
def test_every_intercepted_path_is_named(path: str) -> None:
    assert f"`{path}`" in REFERENCE


def keys() -> list[tuple[str, str]]:
    config = Config()
    return [
        (section.name, key.name)
        for section in fields(config)
        if is_dataclass(getattr(config, section.name))
        for key in fields(getattr(config, section.name))
    ]


@pytest.mark.parametrize(("section", "key"), keys())
def test_every_key_is_in_the_example(section: str, key: str) -> None:
    """The example holds the meaning, the unit and the default of each."""
    example = tomllib.loads((ROOT / "config.example.toml").read_text("utf-8"))

    assert key in example[section]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text("utf-8"))

    for target, anchor in links:
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_source_file_that_is_named_is_there(page: Path) -> None:
    """But for tables of a profiler, which name what was measured then, with a line number; and `NAME`
    stands for one that a contributor writes."""
    named = set(
        re.findall(r"(?<![\w./-])(?:\w+/)+\w+\.(?:py|json)\b(?!:\d)", page.read_text("utf-8"))
    )

    named = {name for name in named if "NAME" not in name}
    assert not [name for name in named if not any((at / name).exists() for at in SOURCE_FOLDERS)]


def test_nothing_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert not [page.name for page in PAGES if "/work/" in page.read_text("utf-8")]
