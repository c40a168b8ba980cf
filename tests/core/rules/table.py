"""How the tables of the rules are checked: what comes in as JSON, and what goes out as JSON."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.strategies import Json, prompt_of
from warmprefix.core import messages
from warmprefix.core.rules.base import Rule
from warmprefix.core.types import Prompt
from warmprefix.core.wire.slices import compact, write_object
from warmprefix.dialects.base import Dialect, NoMemory
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.dialects.responses import RESPONSES


class Change(NamedTuple):
    """A row of what a rule changes: messages in, messages out."""

    id: str
    before: Sequence[Json]
    after: Sequence[Json]
    source: str
    dialect: Dialect = CHAT


class Keep(NamedTuple):
    """A row of what a rule must leave alone."""

    id: str
    messages: Sequence[Json]
    source: str
    dialect: Dialect = CHAT


class ToolsChange(NamedTuple):
    """A row of what a rule changes in the tools."""

    id: str
    before: Sequence[Json]
    after: Sequence[Json]
    source: str


class ToolsKeep(NamedTuple):
    """A row of tools that a rule must leave alone."""

    id: str
    tools: Any
    source: str


def written_prompt(prompt: Prompt) -> bytes:
    """The prompt as compact JSON, members in the order in which they go out."""
    array = b"[" + b",".join(map(messages.written, prompt.messages)) + b"]"
    pairs = [("messages", array)]
    if prompt.tools is not None:
        pairs.append(("tools", b"[" + b",".join(tool.definition for tool in prompt.tools) + b"]"))
    return compact(write_object(pairs))


def check_change(rule: Rule, before: Prompt, after: Prompt) -> None:
    """The rule makes `after` of `before`, byte for byte, and has nothing to do there any more."""
    changed = rule.apply(before)

    assert same(written_prompt(changed), written_prompt(after))
    assert rule.apply(changed) is changed
    assert rule.apply(after) is after


def check_keep(rule: Rule, prompt: Prompt) -> None:
    """The rule gives the same object back."""
    assert rule.apply(prompt) is prompt


def same(one: bytes, other: bytes) -> bool:
    """Equal but for the escapes in strings: member order and number spelling count."""
    return readable(one) == readable(other)


def readable(text: bytes) -> object:
    return json.loads(text, object_pairs_hook=list, parse_int=repr, parse_float=repr)


def _of(messages: Sequence[Json], dialect: Dialect) -> Prompt:
    array = "input" if dialect is RESPONSES else "messages"
    return dialect.parse(json.dumps({array: messages}).encode(), NoMemory(dialect)).prompt


def check_rows(rule: Rule, row: Change | Keep | ToolsChange | ToolsKeep) -> None:
    """One row of a rule's table."""
    match row:
        case Change(_, before, after, _, dialect):
            check_change(rule, _of(before, dialect), _of(after, dialect))
        case Keep(_, messages, _, dialect):
            check_keep(rule, _of(messages, dialect))
        case ToolsChange(_, before, after):
            check_change(rule, prompt_of([], before), prompt_of([], after))
        case ToolsKeep(_, tools):
            check_keep(rule, prompt_of([], tools))
