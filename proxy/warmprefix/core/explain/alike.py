"""Breaks of a turn that begins a conversation of its own although much of its prompt was sent before.

Either the history is that of another conversation but for its beginning (a window slides, a clock ticks in the
first message), or a new chat has the instructions of another one but for a few words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warmprefix.core.explain.difference import MOST_GONE, Difference, first_difference
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.identity.keys import match_key
from warmprefix.core.messages import parting
from warmprefix.core.types import CacheStats, Prompt

_LEAST_TOKENS = 64  # lost; fewer are not worth a word
_VANISHED = ("window", "transient-block")


@dataclass(frozen=True, slots=True)
class Alike:
    """The prompt `number` of those that were compared, and where the new one leaves it.

    `goes_on`: it is the same history; if not, only the instructions are alike. `repaired`: the other prompt
    without the difference.
    """

    number: int
    found: Difference
    goes_on: bool
    repaired: Prompt


def most_alike(others: Sequence[Prompt], after: Prompt) -> Alike | None:
    """The first of the prompts that differs in so little that it shows why nothing more was reused."""
    near = ((number, other) for number, other in enumerate(others) if _may_be_alike(other, after))
    compared = (_alike(number, other, after) for number, other in near)
    return next((found for found in compared if found is not None), None)


def lost_tokens(alike: Alike, after: Prompt, stats: CacheStats, reaches: Reaches) -> int | None:
    """Tokens that would have been reused without the difference; None if they are few, or not counted."""
    prompt_tokens, cached = stats.prompt_tokens, stats.cached_tokens
    reach = reaches.of(alike.repaired, after)
    if not prompt_tokens or cached is None or not reach.total:
        return None
    lost = min(round(reach.characters * prompt_tokens / reach.total), prompt_tokens - 1) - cached
    return lost if lost >= _LEAST_TOKENS else None


def _may_be_alike(before: Prompt, after: Prompt) -> bool:
    """Whether it is worth looking closer: not if another question is asked behind the same instructions, which
    is how most conversations begin."""
    at = parting(before.messages, after.messages)
    if at is None or after.is_plain:
        return True
    rest = after.messages[at:]
    is_asked = any(message.role == "user" for message in after.messages[: at + 1])
    if not is_asked or any(message.role == "assistant" for message in rest[1:]):
        return True
    # A question that has moved up is not another one. Messages of different roles are never the same.
    roles = {message.role for message in rest}
    gone = before.messages[at + 1 : at + 1 + MOST_GONE]
    moved = {match_key(message) for message in gone if message.role in roles}
    return bool(moved) and not moved.isdisjoint(map(match_key, rest))


def _alike(number: int, before: Prompt, after: Prompt) -> Alike | None:
    found = first_difference(before, after)
    if found is None or found.message is None:
        return None
    at = found.message
    if found.cause in _VANISHED and found.after is None:
        gone = _gone(before, after, at)
        rest = (*before.messages[:at], *before.messages[at + gone :])
        return Alike(number, found, True, replace(before, messages=rest))
    roles = [message.role for message in after.messages]
    first_user = roles.index("user") if "user" in roles else len(roles)
    goes_on = _continues(before, after, at)
    is_little = _is_small(found) or (goes_on and found.cause in _VANISHED)
    if at > first_user or not is_little or not (goes_on or at < first_user):
        return None
    rest = (*before.messages[:at], after.messages[at], *before.messages[at + 1 :])
    return Alike(number, found, goes_on, replace(before, messages=rest))


def _gone(before: Prompt, after: Prompt, at: int) -> int:
    """How many messages have vanished."""
    new = match_key(after.messages[at])
    rest = before.messages[at:]
    return next(count for count, old in enumerate(rest) if match_key(old) == new)


def _continues(before: Prompt, after: Prompt, at: int) -> bool:
    """Whether a reply follows the difference, and all that follows it in both is the same."""
    pairs = list(zip(before.messages[at + 1 :], after.messages[at + 1 :], strict=False))
    if not any(new.role == "assistant" for _, new in pairs):
        return False
    return all(match_key(old) == match_key(new) for old, new in pairs)


def _is_small(found: Difference) -> bool:
    """Whether half or more of the text is the same, from both ends."""
    old, new = found.before or "", found.after or ""
    end = shared_characters(old[found.offset :][::-1], new[found.offset :][::-1])
    return 2 * (found.offset + end) >= max(len(old), len(new)) > 0
