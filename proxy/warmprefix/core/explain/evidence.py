"""What is known of a backend when a break is explained, and what its template shows of two prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.memory.alignment import Change
from warmprefix.core.types import Prompt

INVITATION = 64  # longest seen: an assistant header with an opened and closed think block
_CLIP = 60  # characters on each side of a change: enough to see where it is


@dataclass(frozen=True, slots=True)
class TemplateBreak:
    """The rendered prompts differ at `offset` although the messages only went on; excerpts of both."""

    offset: int
    before: str
    after: str
    cause: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the backend between the two turns.

    `others`: turns of other conversations that it served in between; `has_moved`: another backend answered the
    turn before. Asked afterwards: `template`, where its rendering of the same messages changed; `rendered`, the
    two texts; `held`, what the slot held after the reply; `prints_options`, False if the template does not
    print the options that changed in front of its invitation to reply.

    `expected`: how many tokens we said the slot holds that we asked for; `was_restored`: out of a file of ours.
    `received`: the prompt as the client sent it, if we have sent another one. `change`: what the client changed
    in its history and no rule has undone. `is_read_back`: the turn before is known from the ledger alone, so
    nothing is known of the backend in between.
    """

    restarted: bool = False
    model_before: str | None = None
    model_after: str | None = None
    cache_prompt: bool = True
    others: int = 0
    template: TemplateBreak | None = None
    has_moved: bool = False
    rendered: tuple[str, str] | None = None
    held: str | None = None
    prints_options: bool = True
    expected: int | None = None
    was_restored: bool = False
    received: Prompt | None = None
    change: Change | None = None
    is_read_back: bool = False

    @property
    def is_lost_anyway(self) -> bool:
        """Whether the turn could not reuse what the one before left, or need not have found it, whatever ran in
        between."""
        is_other = self.has_moved or self.model_before != self.model_after
        return is_other or self.restarted or self.is_read_back or not self.cache_prompt


def template_break(before: str, after: str, reasoning: Sequence[str]) -> TemplateBreak | None:
    """Where the rendering of a prompt leaves that of the turn before; None if one goes on from the other.

    `reasoning`: the reasoning in the messages, to see whether it is the cause. The last characters of the
    earlier rendering are the template's invitation to reply, which the history need not repeat.
    """
    at = shared_characters(before, after)
    if min(len(before), len(after)) - at <= INVITATION:
        return None
    gone = before[at:]
    cause = (
        "reasoning"
        if any(text.strip() and text.strip() in gone for text in reasoning)
        else "unknown"
    )
    return TemplateBreak(at, clipped(before, at) or "", clipped(after, at) or "", cause)


def left_invitation(before: str, after: str) -> TemplateBreak | None:
    """Where a longer rendering leaves the invitation to reply of the one before: an empty think block, for
    example, that the history does not repeat. None if it repeats it."""
    at = shared_characters(before, after)
    if at == len(before) or len(before) - at > INVITATION or len(after) <= len(before):
        return None
    return TemplateBreak(at, clipped(before, at) or "", clipped(after, at) or "", "invitation")


def only_invites(one: str, other: str) -> bool:
    """Whether two renderings of one prompt differ in nothing but the invitation to reply that ends them."""
    return max(len(one), len(other)) - shared_characters(one, other) <= INVITATION


def is_printed(rendered: tuple[str, str]) -> bool:
    """Whether the template shows that two prompts differ before the end of the first one: in front of its
    invitation to reply, which ends the second one, too."""
    before, after = rendered
    rest = before[shared_characters(before, after) :]
    return len(rest) > INVITATION or not after.endswith(rest)


def clipped(text: str | None, offset: int | None) -> str | None:
    """The text around the change, with `…` at each end where it is cut."""
    if text is None:
        return None
    at = offset or 0
    start, end = max(at - _CLIP, 0), at + _CLIP
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
