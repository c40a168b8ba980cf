"""The canonical form of a prompt: all rules, in order, each guarded.

A rule that raises is skipped for this prompt and named in the result; the request goes on. A reply
that the client began and wants continued (a last message of the assistant) is not canonicalized:
its edges are where the model goes on.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from proxy.core.memo import Memo
from proxy.core.rules import RULES
from proxy.core.rules.base import Rule, with_messages
from proxy.core.types import Message, Prompt
from proxy.core.wire import write_message

Value = TypeVar("Value")

_MEMO_BYTES = 16 * 1024 * 1024  # one generation: sixteen 1 MB histories, or one huge one


@dataclass(frozen=True, slots=True)
class Canonical:
    """A canonical prompt, the rules that changed something, and those that failed, by name."""

    prompt: Prompt
    rules: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Local:
    message: Message
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


class Canonicalizer:
    """Applies `rules`. What they make of one message is remembered by the message's bytes."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._local = tuple(rule for rule in rules if rule.on_message is not None)
        self._global = tuple(rule for rule in rules if rule.on_message is None)
        self._memo: Memo[_Local] = Memo(_MEMO_BYTES)

    def __repr__(self) -> str:
        return f"Canonicalizer({len(self._local)} + {len(self._global)} rules, {len(self._memo)})"

    def run(self, prompt: Prompt) -> Canonical:
        """The canonical form of `prompt`; the same object where nothing changed."""
        tail = continued(prompt)
        head = prompt.messages[: len(prompt.messages) - len(tail)]
        fired: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        messages = tuple(self._message(message, fired, failed) for message in head)
        result = with_messages(prompt, (*messages, *tail))
        for rule in self._global:
            after = _guarded(rule.name, rule.apply, result, failed)
            if after is not result:
                fired[rule.name] += 1
                result = after
        return Canonical(_written(result), tuple(fired), tuple(failed))

    def _message(self, message: Message, fired: Counter[str], failed: Counter[str]) -> Message:
        local = self._memo.get(message.raw) if message.raw is not None else None
        if local is None:
            local = self._run_local(message)
            if message.raw is not None:
                self._memo.put(message.raw, local)
        if local.rules or local.failed:
            fired.update(local.rules)
            failed.update(local.failed)
        # An equal message parsed anew must stay the object it was, or "unchanged" is lost.
        return local.message if local.rules else message

    def _run_local(self, message: Message) -> _Local:
        fired: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for rule in self._local:
            assert rule.on_message is not None
            after = _guarded(rule.name, rule.on_message, message, failed)
            if after is not message:
                fired[rule.name] += 1
                message = after
        if fired:  # written once here, not on every turn that carries it
            message = replace(message, raw=write_message(message))
        return _Local(message, tuple(fired), tuple(failed))


def _written(prompt: Prompt) -> Prompt:
    """`prompt` with the bytes of every changed message: they are needed to recognise and to send it."""
    messages = tuple(
        message if message.raw is not None else replace(message, raw=write_message(message))
        for message in prompt.messages
    )
    return with_messages(prompt, messages)


def continued(prompt: Prompt) -> tuple[Message, ...]:
    """The last message where the client wants the model to go on with it, else nothing."""
    last = prompt.messages[-1:]
    return last if last and last[0].role == "assistant" else ()


def _guarded(
    name: str, change: Callable[[Value], Value], value: Value, failed: Counter[str]
) -> Value:
    try:
        return change(value)
    except Exception:  # fail open: the prompt goes on without this rule
        failed[name] += 1
        return value
