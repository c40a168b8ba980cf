"""Rules that need more than the prompt: memory of the conversation, or the backend's template.

Only their names and reasons; core/memory/ and core/fold.py do the work.
"""

from dataclasses import dataclass

from warmprefix.core.types import Risk


@dataclass(frozen=True, slots=True)
class MemoryRule:
    """One such rule. `why` and `source` are those of a `Rule`."""

    name: str
    risk: Risk
    why: str
    source: str


FREEZE_VOLATILE = MemoryRule(
    "freeze-volatile",
    Risk.MEANING,
    "If a clock, a date, a counter or an id in the history changes, everything behind it is read again. "
    "The value first seen in the conversation is kept, so the model reads an old one.",
    "https://github.com/home-assistant/core/issues/133687; warmprefix/profiles/volatile.json",
)
MOVE_VOLATILE = MemoryRule(
    "move-volatile",
    Risk.MEANING,
    "The same, but the current value is said at the end of the newest user turn: the model reads it "
    "there instead of in the system text, and what it read in earlier turns stays.",
    "https://github.com/home-assistant/core/issues/134847; warmprefix/profiles/volatile.json",
)
RESTORE_TRANSIENT_BLOCKS = MemoryRule(
    "restore-transient-blocks",
    Risk.MEANING,
    "A reminder, a retrieved text or a picture is only in the newest user turn, and in the next request it is "
    "gone from there, or has moved on. It is put back as and where it was first sent, so the model goes on "
    "reading it. If it changes on the way, the new one is said in the newest turn.",
    "https://github.com/antirez/ds4/issues/364; https://github.com/anomalyco/opencode/issues/23595",
)
RESTORE_WRITTEN_CALLS = MemoryRule(
    "restore-written-calls",
    Risk.MEANING,
    "A call of the model comes back as text, in a notation of the client's. It is put back as the model made "
    "it, so the model reads its own call. What the call returned stays in the words of the user. Only if the "
    "backend's template shows a call that no result follows (it is asked once).",
    "https://github.com/huggingface/smolagents/blob/v1.26.0/src/smolagents/memory.py",
)
FREEZE_TOOL_DESCRIPTIONS = MemoryRule(
    "freeze-tool-descriptions",
    Risk.MEANING,
    "Tools with the same names and the same parameters come with other descriptions: another mode of the "
    "client, a clock, a count. The descriptions first seen in the conversation are kept, so the model reads "
    "old ones.",
    "https://github.com/anomalyco/opencode/issues/37489",
)
FOLD_SYSTEM = MemoryRule(
    "fold-system",
    Risk.NEUTRAL,
    "If instructions come after the beginning, many templates refuse the request, and others leave them out. "
    "If the backend's template does so (it is asked once), they are said in a user message at that point.",
    "https://github.com/anthropics/claude-code/issues/74226; https://github.com/ollama/ollama/issues/17774",
)
MEMORY_RULES: tuple[MemoryRule, ...] = (
    FREEZE_VOLATILE,
    MOVE_VOLATILE,
    RESTORE_TRANSIENT_BLOCKS,
    RESTORE_WRITTEN_CALLS,
    FREEZE_TOOL_DESCRIPTIONS,
    FOLD_SYSTEM,
)
