"""The canonical form of a prompt: all rules, in order, each guarded.

A rule that raises is skipped for this prompt and named in the result; the request goes on. A last message of
the assistant, which the client wants continued, is not canonicalized: the model continues at its edge.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from warmprefix.core.memo import Memo
from warmprefix.core.messages import written
from warmprefix.core.rules import RULES
from warmprefix.core.rules.base import Rule, with_messages, with_tools
from warmprefix.core.types import Message, Prompt, Tool

Value = TypeVar("Value")
Report = Callable[[str, Exception], None]

_MEMO_BYTES = (
    8 * 1024 * 1024
)  # one generation: four 1 MB histories of 1,000 messages, or one huge one
_TOOLS_BYTES = 1024 * 1024  # a hundred tools with long schemas


@dataclass(frozen=True, slots=True)
class Canonical:
    """A canonical prompt, the rules that changed something, and those that failed, by name."""

    prompt: Prompt
    rules: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Local(Generic[Value]):
    value: Value
    rules: tuple[str, ...]
    failed: tuple[str, ...]


def choose_rules(
    enable: Collection[str] = (), disable: Collection[str] = (), rules: Sequence[Rule] = RULES
) -> tuple[Rule, ...]:
    """The rules that are on: those on by default and those enabled, without those disabled."""
    return tuple(
        rule
        for rule in rules
        if rule.name not in disable and (rule.on_by_default or rule.name in enable)
    )


def unreported(rule: str, error: Exception) -> None:
    """Reports nothing: a rule that raised is named only in the result."""
    del rule, error


class Canonicalizer:
    """Applies `rules`. What they make of one message or tool is remembered by its bytes."""

    def __init__(self, rules: Sequence[Rule], report: Report = unreported) -> None:
        """`report`: called with the name and the error of a rule each time that it raises."""
        self._report = report
        changes = ((rule.name, rule.on_message) for rule in rules)
        self._local = tuple((name, change) for name, change in changes if change is not None)
        of_tools = ((rule.name, rule.on_tool) for rule in rules)
        self._of_tools = tuple((name, change) for name, change in of_tools if change is not None)
        local = {name for name, _ in (*self._local, *self._of_tools)}
        self._global = tuple(rule for rule in rules if rule.name not in local)
        self._size = f"{len(self._local)} + {len(rules) - len(self._local)} rules"
        self._memo: Memo[_Local[Message]] = Memo(_MEMO_BYTES)
        self._tools: Memo[_Local[Tool]] = Memo(_TOOLS_BYTES)

    def __repr__(self) -> str:
        return f"Canonicalizer({self._size}, {len(self._memo)})"

    def run(self, prompt: Prompt) -> Canonical:
        """The canonical form of `prompt`; the same object if nothing changed."""
        tail = continued(prompt)
        head = prompt.messages[: len(prompt.messages) - len(tail)]
        fired: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        known = self._memo.all([message.raw or b"" for message in head])
        pairs = zip(head, known, strict=True)
        messages = tuple(self._message(message, local, fired, failed) for message, local in pairs)
        result = with_messages(prompt, (*messages, *tail))
        for rule in self._global:
            local = _run_local(result, ((rule.name, rule.apply),), self._report)
            result = _counted(result, local, fired, failed)
        if result.tools:
            result = with_tools(result, self._all_tools(result.tools, fired, failed))
        return Canonical(_written(result), tuple(fired), tuple(failed))

    def _message(
        self,
        message: Message,
        local: _Local[Message] | None,
        fired: Counter[str],
        failed: Counter[str],
    ) -> Message:
        """`local`: what is remembered of the message."""
        if message.opaque:
            return message
        if local is None:
            local = _written_once(_run_local(message, self._local, self._report))
            if message.raw is not None:
                self._memo.put(message.raw, local)
        return _counted(message, local, fired, failed)

    def _all_tools(
        self, tools: Sequence[Tool], fired: Counter[str], failed: Counter[str]
    ) -> tuple[Tool, ...]:
        known = self._tools.all([tool.definition for tool in tools])
        found = []
        for tool, remembered in zip(tools, known, strict=True):
            local = remembered
            if local is None:
                local = _run_local(tool, self._of_tools, self._report)
                self._tools.put(tool.definition, local)
            found.append(_counted(tool, local, fired, failed))
        return tuple(found)


def _run_local(
    value: Value, changes: Sequence[tuple[str, Callable[[Value], Value]]], report: Report
) -> _Local[Value]:
    fired: list[str] = []
    failed: Counter[str] = Counter()
    for name, change in changes:
        try:
            after = change(value)
        except Exception as error:  # fail open: go on without this rule
            failed[name] += 1
            report(name, error)
            continue
        if after is not value:
            fired.append(name)
            value = after
    return _Local(value, tuple(fired), tuple(failed))


def _written_once(local: _Local[Message]) -> _Local[Message]:
    """With the bytes of a changed message: written once, not on every turn that carries it."""
    if not local.rules:
        return local
    return replace(local, value=replace(local.value, raw=written(local.value)))


def _counted(
    value: Value, local: _Local[Value], fired: Counter[str], failed: Counter[str]
) -> Value:
    for name in local.rules:  # `update` asks an abstract class each time what it was given
        fired[name] += 1
    for name in local.failed:
        failed[name] += 1
    # Without a change, return the very object that came in: "unchanged" is seen by identity, and what is
    # remembered may be an equal object of an earlier parse.
    return local.value if local.rules else value


def _written(prompt: Prompt) -> Prompt:
    """`prompt` with the bytes of every changed message: they are needed to recognise and to send it."""
    messages = tuple(
        message if message.raw is not None else replace(message, raw=written(message))
        for message in prompt.messages
    )
    return with_messages(prompt, messages)


def continued(prompt: Prompt) -> tuple[Message, ...]:
    """The last message if the client wants the model to continue it, otherwise nothing."""
    last = prompt.messages[-1:]
    return last if last and last[0].role == "assistant" else ()
