"""Findings about a chat template: which parts of the history it changes, and what it prints."""

from collections.abc import Iterator

from warmprefix.core.doctor.facts import TemplateFeatures
from warmprefix.core.doctor.finding import Finding, bad, good, note

OTHER_TEMPLATE = "llama-server --chat-template-file with a template that only appends"


def template_findings(features: TemplateFeatures | None, restore: str) -> Iterator[Finding]:
    """Findings about a template. `restore`: the setting memory.restore_reasoning."""
    if features is None or features == TemplateFeatures(can_preserve=features.can_preserve):
        yield note(
            "The chat template could not be asked",
            "It decides which parts of the history are rendered, and whether they stay the same.",
        )
        return
    yield from _rewriting(features)
    yield from _reasoning(features, restore)
    yield from _calls(features)
    yield from _clock(features)


def _rewriting(features: TemplateFeatures) -> Iterator[Finding]:
    if features.rewrites == "none":
        yield good(
            "The template only appends",
            "What was rendered once stays the same as the conversation goes on.",
        )
    elif features.rewrites == "reasoning":
        yield bad(
            "The template removes reasoning when a new user message arrives",
            "The last tool loop is then read again, from its first reasoning on.",
            "llama-server --reasoning-preserve" if features.can_preserve else OTHER_TEMPLATE,
        )
    elif features.rewrites == "more":
        yield bad(
            "The template rewrites the history when a new user message arrives",
            "Something moves, for example the tools, which then come before the last user message; everything "
            "after it is read again.",
            OTHER_TEMPLATE,
        )


def _reasoning(features: TemplateFeatures, restore: str) -> Iterator[Finding]:
    if features.reasoning_in_history is None:
        return
    if features.reasoning_in_history and restore == "never":
        yield bad(
            "The template keeps reasoning, and warmprefix is set not to put it back",
            "A client that drops it breaks the prompt at every reply that had some.",
            "warmprefix config set memory.restore_reasoning auto",
        )
    elif features.reasoning_in_history:
        yield good(
            "The template keeps reasoning",
            "What a client drops is put back, so that the prompt repeats what the model generated.",
        )
    elif restore == "always":
        yield bad(
            "The template drops reasoning, and warmprefix is set to always put it back",
            "What is put back in a tool loop is removed again later, and the loop is read again.",
            "warmprefix config set memory.restore_reasoning auto",
        )
    elif features.reasoning_in_loop is False:
        yield note(
            "The template shows no reasoning at all",
            "A model that reasons generates text that no later prompt contains: each reply after it is read "
            "again once.",
        )


def _calls(features: TemplateFeatures) -> Iterator[Finding]:
    if features.tools is False:
        yield note("The template prints no tools", "The model does not know of any.")
    if features.calls is False:
        yield note("The template prints no tool calls", "The model does not see what it called.")
    printed = [
        text
        for text, is_so in (
            ("the ids of tool calls", features.call_ids),
            ("the keys of arguments in the order they arrive in", features.key_order),
        )
        if is_so
    ]
    if printed:
        yield good(
            f"The template prints {' and '.join(printed)}",
            "A client that changes them breaks the prompt; the ledger puts back what was generated.",
        )
    if features.nine_character_ids:
        yield note(
            "The template accepts only ids of nine letters and digits",
            "A client that makes its own ids may get an error; those that warmprefix makes have nine.",
        )


def _clock(features: TemplateFeatures) -> Iterator[Finding]:
    if features.clock == "date":
        yield note(
            "The template prints the date",
            "At midnight every prompt changes near its beginning and is read again once.",
            "llama-server --chat-template-file with a template that has no date",
        )
    elif features.clock == "time":
        yield bad(
            "The template prints the time of day",
            "Every minute every prompt changes near its beginning and is read again.",
            "llama-server --chat-template-file with a template that has no clock",
        )
