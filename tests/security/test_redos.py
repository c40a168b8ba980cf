"""No pattern of the project takes more than one pass over a text that was written against it."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import AnyStr

import pytest

import warmprefix
from tests.security.hostile import HANG_S
from warmprefix.cli.change_marks import change
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.identity.reasoning import split_reasoning
from warmprefix.core.identity.ticking import ticked
from warmprefix.core.identity.transient import BLOCKS, without_blocks
from warmprefix.core.wire.slices import close_of, compact
from warmprefix.profiles.volatile import volatile_patterns

SIZE = 1 << 20
SHORT = 1 << 12
"""Enough for a pattern that takes exponential time to show it."""

EXCERPT = 512
"""Longer than any excerpt of a break."""

ELSEWHERE = {
    "warmprefix.config.sources.SERVICE_VARIABLE": "reads names of environment variables only"
}
Pattern = re.Pattern[str] | re.Pattern[bytes]

LINES = {
    "warmprefix.core.identity.evidence": 2000,
    "warmprefix.core.identity.git_status": 64 * 1024,
    "warmprefix.core.identity.signs": 2000,
    "warmprefix.core.identity.spans": 2000,
}
"""Modules whose patterns see one line, of so many characters at most: `ticks` refuses longer ones, and
`line_changes` cuts them off."""


def modules() -> Iterator[str]:
    """Every module of the project that can be imported without its optional parts."""
    for module in pkgutil.walk_packages(warmprefix.__path__, "warmprefix."):
        if module.name.rpartition(".")[2] not in ("__main__", "process", "backend"):
            yield module.name


def found_in(value: object) -> Iterator[Pattern]:
    """Patterns in a module's value: itself, in a collection, or a field of a profile."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset | set):
        for inner in value:
            yield from found_in(inner)
    elif isinstance(value, dict):
        yield from found_in(tuple(value.values()))
    elif isinstance(side := getattr(value, "side", None), re.Pattern):
        yield side


def patterns() -> dict[str, Pattern]:
    """All patterns by where they stand."""
    found: dict[str, Pattern] = {f"volatile {row.id}": row.pattern for row in volatile_patterns()}
    for module in modules():
        for name, value in vars(importlib.import_module(module)).items():
            for number, pattern in enumerate(found_in(value)):
                found.setdefault(f"{module}.{name} {number}", pattern)
    where = {pattern: name for name, pattern in reversed(found.items())}
    return {n: p for p, n in where.items() if not any(n.startswith(known) for known in ELSEWHERE)}


PATTERNS = patterns()

STARTS = (
    *(row.example for row in volatile_patterns()),
    *("x-anthropic-billing-header:", "\n x-anthropic-billing-header: ", "You are ", "You are a"),
    *("<think>", "</think>", "<think", "<thinking-content-0123456789abcdef0123456789abcdef>"),
    *('<details type="reasoning"', '<details type="reasoning">', "</details", "<summary>", "> "),
    *("generate ", "generate a ", "title", "### Task:", "### Task: ", "\n### Task:\nGenerate a"),
    *(" ", "\n", "\t\r\n", "_", "a", "a_", ":", "a:", "a.-", "1", "1,", "1:", "12:34", "2031-02-"),
    *(
        "pid ",
        "pid: ",
        "call_",
        "call_a",
        "req-",
        "0a1b2c3d-",
        "01234567-89ab-",
        "1/1/",
        "1k / 1k ",
    ),
    *('"', '\\"', '"\\', "\\", "[", "{", '["', '{"a":', '"a" :', "[]", "}{"),
    *("log.x = ", "a.b = ", "\u00a0", "\u2028"),
)
LONG = (
    " ",
    "\n",
    "a",
    "1",
    "1,",
    "_",
    "a_",
    '"',
    '\\"',
    "[",
    "{",
    "<think>",
    "> ",
    "title ",
    "1:1",
    "a:",
)


def over_and_over(start: str, size: int) -> str:
    """`start` again and again, and an end that fits nothing."""
    return start * (size // len(start)) + "!"


def texts(pattern: Pattern) -> Iterator[str]:
    """Short texts of every beginning; 1 MB of a few, and of what the pattern itself begins with."""
    for start in STARTS:
        yield over_and_over(start, SHORT)
        yield start + " " * SHORT + "!"
        yield start + "a" * SHORT + start
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    words = re.findall(r"[A-Za-z#<]['A-Za-z :#-]{3,}", source)
    for start in dict.fromkeys((*LONG, *words)):
        yield over_and_over(start, SIZE)
    for row in volatile_patterns():
        if row.pattern is pattern:
            yield over_and_over(row.example, SIZE)
            yield over_and_over(row.example[:-1], SIZE)
            yield row.example[:-1] + over_and_over(row.example[-1], SIZE)


@pytest.mark.timeout(HANG_S)  # a pattern looks for signals while it searches, so this ends it
@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_one_pass(name: str) -> None:
    pattern, how = PATTERNS[name], uses(name)
    most = LINES.get(name.split(" ")[0].rpartition(".")[0], SIZE)
    for text in (text[: most - 2] + text[-2:] for text in texts(pattern)):
        if isinstance(pattern.pattern, bytes):
            run(pattern, text.encode(), how)
        else:
            run(pattern, text, how)


USES = ("match", "fullmatch", "search", "sub", "finditer")


def uses(name: str) -> set[str]:
    """What the project does with a pattern, by its source; all of it with those that stand in tables."""
    module, _, known = name.split(" ")[0].rpartition(".")
    if not module or not known.startswith("_"):
        return {"search", "sub"}
    source = inspect.getsource(importlib.import_module(module))
    return {use for use in USES if f"{known}.{use}(" in source}


def run(pattern: "re.Pattern[AnyStr]", text: AnyStr, how: set[str]) -> None:
    """Do that."""
    if "match" in how:
        pattern.match(text)
    if "fullmatch" in how:
        pattern.fullmatch(text)
    if "finditer" in how:
        list(pattern.finditer(text))
    if "search" in how:
        pattern.search(text)
    if "sub" in how:
        pattern.sub(text[:0], text)


def test_the_patterns_are_all_there() -> None:
    """The walk finds what is written in modules, in profiles and in volatile.json."""
    assert len(PATTERNS) >= 40
    assert any("billing_line" in name for name in PATTERNS)
    assert any("reasoning" in name for name in PATTERNS)
    assert any("PROFILE" in name for name in PATTERNS)


def unclosed(text: bytes) -> None:
    """Look for the end of an array that has none, or has one."""
    with suppress(NotUnderstood):
        close_of(b"[" + text, 0)


BY_HAND: dict[str, Callable[[str], object]] = {
    "split_reasoning": split_reasoning,
    "without_blocks": without_blocks,
    "close_of": lambda text: unclosed(text.encode()),
    "compact": lambda text: compact(text.encode()),
    "change": lambda text: change(text[:EXCERPT], text[1:EXCERPT]),
    "ticked": lambda text: ticked(text, f"{text[1:]}?", is_user=False),
    "ticked, by lines": lambda text: ticked(
        f"{text[:1500]}\n" * 200, f"{text[1:1500]}\n" * 200, is_user=True
    ),
}
HOSTILE = (
    *LONG,
    *(block.opens for block in BLOCKS),
    *(block.opens + block.closes for block in BLOCKS),
    *(block.closes for block in BLOCKS),
    *("<think>a</think>", '<details type="reasoning">', '<details type="reasoning"><summary>'),
)


@pytest.mark.timeout(HANG_S)
@pytest.mark.parametrize("start", HOSTILE)
@pytest.mark.parametrize("name", BY_HAND)
def test_a_search_by_hand_takes_one_pass(name: str, start: str) -> None:
    BY_HAND[name](over_and_over(start, SIZE))
    BY_HAND[name]('"' + over_and_over(start, SIZE))
