"""How much of a prompt a server could have used that shifts chunks of its cache (llama-server --cache-reuse).

It looks for what comes next in the prompt further on in what the slot holds (server-context.cpp, b11669, "reuse
chunks from the cached prompt by shifting"). So it helps if a part has vanished, and not if it was replaced.
"""

from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.slots.slot import SIMILAR
from warmprefix.core.types import CacheStats, Prompt

_SAME_SLOT = 0.8
"""The share of the common beginning that was reused at least, if the request took the slot that held it. Only
asked if so little is shared that the server may have taken another one."""


def shifted_tokens(
    texts: tuple[str, str] | None,
    before: Prompt,
    after: Prompt,
    stats: CacheStats,
    least_tokens: int,
    reaches: Reaches,
) -> int | None:
    """Tokens that were evaluated although the slot held the same text at another position, in chunks of
    `least_tokens` or more; None if they cannot be counted. `texts`: both prompts as rendered, else as we have
    them; `reaches`: shared by all that compare prompts."""
    prompt_tokens, processed = stats.prompt_tokens, stats.processed_tokens
    old, new = texts or (_text(before, reaches), _text(after, reaches))
    if not prompt_tokens or processed is None or stats.cached_tokens is None or not new:
        return None
    ratio = prompt_tokens / len(new)
    start = shared_characters(old, new)
    is_other = stats.cached_tokens < _SAME_SLOT * start * ratio and start <= SIMILAR * len(new)
    if not start or is_other:
        return 0  # nothing is shifted out of a slot that was not chosen
    reused = _chunks(old[start:], new[start:], max(round(least_tokens / ratio), 1))
    saved = round((start + reused) * ratio) - stats.cached_tokens
    return max(min(saved, round(reused * ratio), processed - 1), 0)


def _chunks(old: str, new: str, least: int) -> int:
    """Characters of `new` that stand in `old` in the same order, in chunks of at least `least`, from its first
    character on without a gap."""
    in_old = in_new = 0
    while len(new) - in_new >= least:
        found = old.find(new[in_new : in_new + least], in_old)
        if found < 0:
            break
        length = shared_characters(old[found:], new[in_new:])
        in_old, in_new = found + length, in_new + length
    return in_new


def _text(prompt: Prompt, reaches: Reaches) -> str:
    return ("" if prompt.is_plain else "\n").join(reaches.texts(prompt.messages))
