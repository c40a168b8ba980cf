"""What an observed turn would have cost, had its prompt been sent as the proxy would send it.

Texts are compared here and tokens are the backend's, so the result is an estimate: characters become
tokens at the turn's own ratio. It is never more than what the backend really evaluated.
"""

from dataclasses import dataclass, replace

from proxy.core.prefix import characters, common_prefix, same_head
from proxy.core.types import CacheStats, Message, Prompt


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a prompt is what the backend holds: whole messages, and characters of `total`.

    Characters are those of tools and messages as JSON; none are shared where tools or template
    options differ.
    """

    messages: int
    characters: int
    total: int

    @property
    def left(self) -> int:
        """Characters behind what is shared."""
        return self.total - self.characters


@dataclass(frozen=True, slots=True)
class WouldSave:
    """What a turn would have saved. `tokens` is None where the backend reported no counts.

    `estimated` is false where nothing would have been shared beyond what is: then 0 is exact.
    `rules`, `restored`: what would have acted on the prompt.
    """

    tokens: int | None
    estimated: bool
    rules: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


def held(prompt: Prompt, reply: Message | None) -> Prompt:
    """What the backend holds after a turn: the prompt and what it generated."""
    return prompt if reply is None else replace(prompt, messages=(*prompt.messages, reply))


def reach(before: Prompt | None, after: Prompt) -> Reach:
    """How far `after` is `before`; nothing where there is none."""
    tools = sum(len(tool.definition.decode(errors="replace")) for tool in after.tools or ())
    total = tools + characters(after.messages)
    if before is None or not same_head(before, after):
        return Reach(0, 0, total)
    shared = common_prefix(before, after)
    return Reach(shared.messages, tools + shared.characters, total)


def would_save(stats: CacheStats, direct: Reach, through: Reach) -> WouldSave:
    """The saving of a turn whose prompt reaches as far as `direct`, and would reach `through`.

    The smaller of two: what was evaluated beyond the need of the other prompt, by the backend's count;
    and what the two texts differ by. So what an eviction cost is not counted as saved.
    """
    if through.left >= direct.left:
        return WouldSave(0, estimated=False)
    if stats.processed_tokens is None or not stats.prompt_tokens:
        return WouldSave(None, estimated=True)
    ratio = stats.prompt_tokens / direct.total
    needed = max(round(through.left * ratio), 1)  # one token is always evaluated
    by_text = round((direct.left - through.left) * ratio)
    return WouldSave(max(min(stats.processed_tokens - needed, by_text), 0), estimated=True)
