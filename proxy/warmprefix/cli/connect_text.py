"""A recipe in words: what to set for one client, for the terminal and for docs/clients.md. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from warmprefix.config.show import MASK
from warmprefix.connect.documents import changed
from warmprefix.connect.recipes import Given, Recipe
from warmprefix.profiles import PROFILES

_SECRET = re.compile(
    r"""((?:api[-_]?key|auth[-_]?token|bearer_token|\btoken|secret|password)["']?\s*[:=]\s*["']?)([^\s"',}]{2,})""",
    re.IGNORECASE,
)


def listed(recipes: tuple[Recipe, ...]) -> Iterator[str]:
    """A line for each client: its name here, its own name, what can be done for it, with which version it was
    tried."""
    for recipe in recipes:
        yield f"{recipe.name:<16} {recipe.label:<20} {how(recipe):<16} {tried(recipe)}"


def tried(recipe: Recipe) -> str:
    """With which version it was tried, if anybody has."""
    return f"tried with {recipe.tried}" if recipe.tried else "not tried here"


def tried_or_why(recipe: Recipe) -> str:
    """The same, and why nobody has."""
    return f"{tried(recipe)}: {recipe.untried}" if recipe.untried else tried(recipe)


def how(recipe: Recipe) -> str:
    """In what the client is told of the proxy."""
    if recipe.file is not None:
        return "settings file"
    if recipe.environment:
        return "environment"
    return "code" if recipe.code else "by hand"


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a recipe: words, or what is to be copied."""

    lines: tuple[str, ...]
    is_code: bool = False


def blocks(recipe: Recipe, given: Given, file: str) -> Iterator[Block]:
    """What the client needs. `file`: where its settings file is."""
    if recipe.file is not None:
        yield Block((f"In {file}:",))
        yield Block(tuple(snippet(recipe, given)), is_code=True)
    if recipe.code:
        yield Block(tuple(given.filled(recipe.code).strip().splitlines()), is_code=True)
    if recipe.environment:
        if recipe.code or recipe.file:
            yield Block(("Or in the environment:",))
        yield Block(tuple(exports(recipe, given)), is_code=True)
    if recipe.steps:
        yield Block(tuple(f"- {given.filled(step)}" for step in recipe.steps))
    if recipe.start:
        yield Block(("Then:",))
        yield Block((given.filled(recipe.start),), is_code=True)


def text_of(found: Iterable[Block]) -> str:
    """The blocks as a terminal shows them."""
    texts = (
        "\n".join(f"    {line}" if one.is_code else line for line in one.lines) for one in found
    )
    return "\n\n".join(texts)


def snippet(recipe: Recipe, given: Given) -> list[str]:
    """The settings file, if there is nothing else in it."""
    file = recipe.file
    assert file is not None
    return changed("", file.format, given.content(file.content)).rstrip("\n").splitlines()


def exports(recipe: Recipe, given: Given) -> list[str]:
    """The variables, as a shell takes them."""
    filled = {name: given.filled(value) for name, value in recipe.environment.items()}
    return [f"export {name}={shlex.quote(value)}" for name, value in filled.items()]


def opt_ins(recipe: Recipe) -> tuple[str, ...]:
    """The opt-in rules that its profile recommends."""
    return next((one.recommended for one in PROFILES if one.name == recipe.profile), ())


def masked(line: str, key: str) -> str:
    """The line without keys: neither the one that was given, nor any that stands beside it. A key of one
    letter is none."""
    shown = line.replace(key, MASK) if len(key) > 1 else line
    return _SECRET.sub(rf"\g<1>{MASK}", shown)
