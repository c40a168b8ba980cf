"""Drops an empty list of tools."""

from warmprefix.core.rules.base import Rule
from warmprefix.core.types import Prompt, Risk


def _apply(prompt: Prompt) -> Prompt:
    if prompt.tools != ():
        return prompt
    return Prompt(prompt.messages, None, prompt.template_options)


RULE: Rule = Rule(
    "empty-tools",
    Risk.LOSSLESS,
    _apply,
    why="No tools are no tools: some clients send an empty list or null, some leave it out.",
    source="renders the same in 31 of 31 templates",
    features=frozenset({"no-tools"}),
)
