"""What a rule is, and the shapes that nearly all of them have.

Laws, tested over all rules: idempotent; quiet (nothing to do, same object back); prefix-stable (no
rule looks ahead); faithful (text outside its target untouched); noise-free; honest (it changes only
messages that have what it says it works on, and gives none to others). A rule never reads the clock
and never depends on the order of a dict it did not receive.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from warmprefix.core.types import Message, Prompt, Risk, Tool

Feature = Literal[
    "parts", "nothing", "reasoning", "calls", "name", "extra", "marks", "results", "no-tools"
]
"""What there may be for a rule to work on. In a message: content in parts, or none at all; reasoning; calls; a
name; members of its own or of its calls that have no field; marks on its parts; results. In a prompt: results
in any of its messages, or an empty list of tools."""

MessageChange = Callable[[Message], Message]
ToolChange = Callable[[Tool], Tool]
PromptChange = Callable[[Prompt], Prompt]


@dataclass(frozen=True, slots=True)
class Rule:
    """One transformation. `why` is one sentence for the user; `source` is the evidence for it.

    `on_message` is set if the rule looks at one message alone, `on_tool` if at one tool: then the outcome can
    be remembered. Neither is ever given an opaque message. `roles`, `features`: a message of another logical
    role, or with none of these, is left as it is, so nobody need ask; None if it may be any. So is a prompt by
    a rule that looks at it as a whole, if it has none of the `features`.
    """

    name: str
    risk: Risk
    apply: PromptChange
    why: str
    source: str
    on_message: MessageChange | None = None
    on_tool: ToolChange | None = None
    roles: frozenset[str] | None = None
    features: frozenset[Feature] | None = None

    @property
    def on_by_default(self) -> bool:
        """Whether the rule is on unless the user names it: no if it could change what the prompt means."""
        return self.risk is not Risk.MEANING


def message_rule(
    name: str,
    risk: Risk,
    change: MessageChange,
    *,
    why: str,
    source: str,
    roles: Collection[str] | None = None,
    features: Collection[Feature] | None = None,
) -> Rule:
    """A rule that looks at one message at a time. `change` returns its argument if it has nothing to do."""

    def apply(prompt: Prompt) -> Prompt:
        messages = (m if m.opaque else change(m) for m in prompt.messages)
        return with_messages(prompt, tuple(messages))

    return Rule(
        name,
        risk,
        apply,
        why,
        source,
        on_message=change,
        roles=None if roles is None else frozenset(roles),
        features=None if features is None else frozenset(features),
    )


def tools_rule(name: str, risk: Risk, change: ToolChange, *, why: str, source: str) -> Rule:
    """A rule that looks at one tool at a time."""

    def apply(prompt: Prompt) -> Prompt:
        return with_tools(prompt, tuple(map(change, prompt.tools or ())))

    return Rule(name, risk, apply, why, source, on_tool=change)


def with_messages(prompt: Prompt, messages: tuple[Message, ...]) -> Prompt:
    """`prompt` with other messages; `prompt` itself if every one is the same object."""
    before = prompt.messages
    if len(before) == len(messages) and all(a is b for a, b in zip(before, messages, strict=True)):
        return prompt
    return Prompt(messages, prompt.tools, prompt.template_options)


def with_tools(prompt: Prompt, tools: tuple[Tool, ...]) -> Prompt:
    """`prompt` with other tools, as many as before; `prompt` itself if every one is the same object."""
    if all(a is b for a, b in zip(prompt.tools or (), tools, strict=True)):
        return prompt
    return Prompt(prompt.messages, tools, prompt.template_options)


def without(mapping_keys: tuple[str, ...], dropped: frozenset[str]) -> tuple[str, ...]:
    """The member names without those that are `dropped`."""
    return tuple(key for key in mapping_keys if key not in dropped)
