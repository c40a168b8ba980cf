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
from warmprefix.core.rules.base import Feature, Rule, with_messages, with_tools
from warmprefix.core.types import CallPart, Message, Part, Prompt, ResultPart, TextPart, Tool

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
class Local(Generic[Value]):
    """What the rules make of one message or tool, and which of them have changed it or failed, by name."""

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


def run_on_message(
    rules: Sequence[Rule], message: Message, report: Report = unreported
) -> Local[Message]:
    """What those of `rules` that look at one message at a time make of one that is not opaque. It is asked once
    what it has, and a rule that works on nothing of it is not called."""
    has, role = features_of(message), message.logical_role
    changes = [
        (rule.name, rule.on_message)
        for rule in rules
        if rule.on_message is not None
        and (rule.roles is None or role in rule.roles)
        and (rule.features is None or not rule.features.isdisjoint(has))
    ]
    return _run_local(message, changes, report)


def features_of(message: Message) -> frozenset[Feature]:
    """What a message has that rules work on."""
    content, calls = message.content, message.tool_calls
    found: tuple[tuple[Feature, bool], ...] = (
        ("parts", isinstance(content, tuple)),
        ("nothing", content is None),
        ("reasoning", message.reasoning is not None),
        ("calls", bool(calls)),
        ("name", message.name is not None),
        ("extra", bool(message.extra) or any(c.extra or c.function_extra for c in calls)),
        ("marks", any(map(_is_marked, message.parts))),
        ("results", bool(message.results)),
    )
    return frozenset(name for name, is_there in found if is_there)


def features_of_prompt(prompt: Prompt) -> frozenset[Feature]:
    """What a prompt has that rules work on which look at it as a whole."""
    has_results = any(message.results for message in prompt.messages)
    found: tuple[tuple[Feature, bool], ...] = (
        ("results", has_results),
        ("no-tools", prompt.tools == ()),
    )
    return frozenset(name for name, is_there in found if is_there)


def _is_marked(part: Part) -> bool:
    if isinstance(part, CallPart):
        return bool(part.call.extra)
    if isinstance(part, ResultPart):
        return bool(part.extra) or any(map(_is_marked, part.parts))
    return isinstance(part, TextPart) and bool(part.extra)


class Canonicalizer:
    """Applies `rules`. What they make of one message or tool is remembered by its bytes."""

    def __init__(self, rules: Sequence[Rule], report: Report = unreported) -> None:
        """`report`: called with the name and the error of a rule each time that it raises."""
        self._report = report
        self._local = tuple(rule for rule in rules if rule.on_message is not None)
        of_tools = ((rule.name, rule.on_tool) for rule in rules)
        self._of_tools = tuple((name, change) for name, change in of_tools if change is not None)
        self._global = tuple(r for r in rules if r.on_message is None and r.on_tool is None)
        self._size = f"{len(self._local)} + {len(rules) - len(self._local)} rules"
        self._memo: Memo[Local[Message]] = Memo(_MEMO_BYTES)
        self._tools: Memo[Local[Tool]] = Memo(_TOOLS_BYTES)

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
        result = with_messages(prompt, (*messages, *tail)) if fired else prompt
        has = features_of_prompt(result)
        for rule in self._global:
            if rule.features is not None and rule.features.isdisjoint(has):
                continue
            local = _run_local(result, ((rule.name, rule.apply),), self._report)
            result = _counted(result, local, fired, failed)
        if result.tools:
            tools = self._all_tools(result.tools, fired, failed)
            result = with_tools(result, tools) if fired else result
        return Canonical(_written(result), tuple(fired), tuple(failed))

    def _message(
        self,
        message: Message,
        local: Local[Message] | None,
        fired: Counter[str],
        failed: Counter[str],
    ) -> Message:
        """`local`: what is remembered of the message."""
        if message.opaque:
            return message
        if local is None:
            local = _written_once(run_on_message(self._local, message, self._report))
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
) -> Local[Value]:
    fired: list[str] = []
    failed: list[str] = []
    for name, change in changes:
        try:
            after = change(value)
        except Exception as error:  # fail open: go on without this rule
            failed.append(name)
            report(name, error)
            continue
        if after is not value:
            fired.append(name)
            value = after
    return Local(value, tuple(fired), tuple(failed))


def _written_once(local: Local[Message]) -> Local[Message]:
    """With the bytes of a changed message: written once, not on every turn that carries it."""
    if not local.rules:
        return local
    return replace(local, value=replace(local.value, raw=written(local.value)))


def _counted(value: Value, local: Local[Value], fired: Counter[str], failed: Counter[str]) -> Value:
    for name in local.rules:  # `update` asks an abstract class each time what it was given
        fired[name] += 1
    for name in local.failed:
        failed[name] += 1
    # Without a change, return the very object that came in: "unchanged" is seen by identity, and what is
    # remembered may be an equal object of an earlier parse.
    return local.value if local.rules else value


def _written(prompt: Prompt) -> Prompt:
    """`prompt` with the bytes of every changed message: they are needed to recognise and to send it."""
    if all(message.raw is not None for message in prompt.messages):
        return prompt
    messages = tuple(
        message if message.raw is not None else replace(message, raw=written(message))
        for message in prompt.messages
    )
    return with_messages(prompt, messages)


def continued(prompt: Prompt) -> tuple[Message, ...]:
    """The last message if the client wants the model to continue it, otherwise nothing."""
    last = prompt.messages[-1:]
    return last if last and last[0].role == "assistant" else ()
