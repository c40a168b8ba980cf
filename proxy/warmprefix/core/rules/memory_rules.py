"""Rules that need memory of the conversation: what they are and why. core/memory/ does the work."""

from dataclasses import dataclass

from warmprefix.core.types import Risk


@dataclass(frozen=True, slots=True)
class MemoryRule:
    """One opt-in that acts by recognising more and putting back what was sent before."""

    name: str
    risk: Risk
    why: str
    source: str


FREEZE_VOLATILE = MemoryRule(
    "freeze-volatile",
    Risk.MEANING,
    "A clock, a date, a counter or an id in the opening messages changes, and everything behind it is "
    "read again. The value first seen in the conversation is kept, so the model reads an old one.",
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
    "A reminder, environment or retrieved block is shown in the newest user turn only and gone from it "
    "in the next request. It is put back as it was sent, so the model goes on reading it.",
    "https://github.com/antirez/ds4/issues/364; https://github.com/anomalyco/opencode/issues/23595",
)
FOLD_SYSTEM = MemoryRule(
    "fold-system",
    Risk.NEUTRAL,
    "Instructions behind the beginning make many templates refuse the request; others leave them out. If the "
    "backend's template does so (it is asked once), they are said in the user message where they stand.",
    "https://github.com/anthropics/claude-code/issues/74226; https://github.com/ollama/ollama/issues/17774",
)
MEMORY_RULES: tuple[MemoryRule, ...] = (
    FREEZE_VOLATILE,
    MOVE_VOLATILE,
    RESTORE_TRANSIENT_BLOCKS,
    FOLD_SYSTEM,
)
