"""What of a loss is not the client's doing: what stands in front of its change, and was lost meanwhile."""

from warmprefix.core.explain.evidence import Evidence
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.types import CacheStats, Prompt

_LEAST_TOKENS = 64
_LEAST_SHARE = 0.2
"""Of what stands in front of the change: as much as characters may be wrong about tokens."""


def evicted_tokens(
    before: Prompt,
    after: Prompt,
    stats: CacheStats,
    evidence: Evidence,
    can_shift: bool | None,
    reaches: Reaches,
) -> int:
    """Tokens that both prompts begin with and that were evaluated again, although nobody has changed them.

    An estimate: characters are converted to tokens at the turn's own ratio. 0 if they are few, if nothing is
    known to have happened in the backend, or if the model can only fall back to a checkpoint (`can_shift` is
    False). `reaches`: shared by all that compare prompts.
    """
    cached, total = stats.cached_tokens, stats.prompt_tokens
    is_cold = (
        evidence.restarted
        or evidence.has_moved
        or not evidence.cache_prompt
        or evidence.model_before != evidence.model_after
    )
    may_be = is_cold or evidence.is_read_back or evidence.others > 0
    if cached is None or not total or not may_be or (cached and can_shift is False):
        return 0
    reach = reaches.of(before, after)
    shared = round(total * reach.characters / max(reach.total, 1))
    gone = shared - cached
    return gone if gone >= max(_LEAST_TOKENS, _LEAST_SHARE * shared) else 0
