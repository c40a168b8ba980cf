"""What a slot is proven to hold, what a request wishes, and the choice between them. Values only."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from warmprefix.core.slots.openings import Offer
from warmprefix.core.slots.snapshots import Held
from warmprefix.core.types import Prompt

SIMILAR = 0.1
"""llama-server's --slot-prompt-similarity: a slot that shares less of a request is not preferred."""

SAVED_BELOW = 0.5
"""If a smaller share of what a slot holds would stay, the server copies it to the RAM cache before it cuts."""

LOADED_FROM = 0.25
"""The least share of a prompt in the RAM cache that must be of use, or it is not loaded (server-task.cpp,
`server_prompt_cache::load`)."""

LEAST_LOSS_TOKENS = 128
"""Fewer are evaluated again in about the time that a detour takes: --ubatch-size evaluates 512 at once."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a server was seen to do. None: not seen yet.

    `keeps_idle`: an idle slot still holds its tokens after a task has started in another one (False with a
    unified KV cache and a RAM cache). `has_ram`: what left a slot came back from the RAM cache.
    """

    keeps_idle: bool | None = None
    has_ram: bool | None = None


@dataclass(frozen=True, slots=True)
class TakenFrom:
    """The conversation that was in a slot before this one, and how many tokens of it were reused."""

    conversation: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a slot holds of a turn. `prompt`: as sent, with the reply; `turns`: the number that its conversation
    has had, or the replies in the prompt if those are more.

    `is_whole`: the slot holds all of the prompt, not only its beginning. `opening`: the name of the saved
    opening that it holds and nothing else; empty if it is a turn's. `taken_from`: what it began with.
    """

    held: Held
    prompt: Prompt
    is_side: bool = False
    turns: int = 1
    is_whole: bool = True
    opening: str = ""
    taken_from: TakenFrom | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot. `tokens`: those of prompt and reply without the last one, None if not reported; `task`: the
    server's number of the task that left them, None until `/slots` has said it; `is_known`: `content` is all
    that the slot holds; `used`: rises with each use; `is_copied`: another task has started since, so the RAM
    cache has a copy."""

    id: int
    tokens: int | None = 0
    task: int | None = None
    content: Content | None = None
    is_known: bool = True
    is_busy: bool = False
    used: int = 0
    is_copied: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it is known to hold nothing that any request will need."""
        return self.is_known and self.content is None

    @property
    def is_side(self) -> bool:
        """Whether it holds a side request, which nobody comes back to."""
        return self.content is not None and self.content.is_side


def least_missed(slot: Slot) -> tuple[bool, bool, int, int]:
    """Orders slots by what is lost with them: empty ones, those of side requests, then the longest unused."""
    return (not slot.is_empty, not slot.is_side, slot.used, slot.id)


@dataclass(frozen=True, slots=True)
class Share:
    """What a slot's content and a request share, in characters of the text that templates show.

    `held`: size of the content; `total`: size of the request. `is_sure`: tools and template options are the
    same; if not, only rendering could show what the two share.
    """

    shared: int
    held: int
    total: int
    is_sure: bool = True

    @property
    def similarity(self) -> float:
        """The shared part of the request, which the server compares with SIMILAR."""
        return self.shared / self.total if self.total else 0.0

    @property
    def kept(self) -> float:
        """The part of the content that stays if the request takes the slot."""
        return self.shared / self.held if self.held else 1.0


NOTHING = Share(0, 0, 1)


@dataclass(frozen=True, slots=True)
class Wish:
    """A request: its conversation, the chain keys of its messages, the digest of what is rendered before
    them.

    `takes_slot`: its endpoint lets one be chosen; `saved_tokens`: those of its conversation in a file, 0 if
    there is none; `was_here`: the backend has read it since its last start; `in_ram`: the server has saved it
    to its RAM cache since; `recall_tokens`: those that it goes on from there, 0 if none are known;
    `can_save`: a slot that it would cut can be saved first; `opening`: a saved one that it begins with;
    `alike`: characters that an idle slot shares with it, if it begins a conversation; `keeps_branches`: what it
    leaves of its own conversation shall stay.
    """

    conversation: str
    keys: tuple[bytes, ...]
    head: bytes
    is_side: bool = False
    takes_slot: bool = True
    saved_tokens: int = 0
    was_here: bool = False
    in_ram: bool = False
    recall_tokens: int = 0
    can_save: bool = False
    opening: Offer | None = None
    alike: int = 0
    keeps_branches: bool = False


How = Literal["free", "own", "cut", "apart", "copy", "opening", "recall"]


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """The slot to ask for, None to leave the choice to the server, and why.

    `how`: "free" is left to the server; "own" holds this conversation; "cut" takes the slot of another, which
    is saved first; "apart" evaluates the shared part again; "copy" gets it from the RAM cache; "opening" begins
    with a saved opening; "recall" gets its own conversation from the RAM cache. `start`: the slot in which some
    task must start first. `shared_tokens`: how many should be cached; `else_tokens`: how many would be if it
    were left to the server, None if that is not known. `into`: the slot that a saved conversation or opening is
    to be restored into.
    """

    slot: int | None
    reason: str
    how: How = "free"
    start: int | None = None
    shared_tokens: int = 0
    else_tokens: int | None = None
    into: int | None = None


def head_digest(prompt: Prompt) -> bytes:
    """Digest of what templates render before the messages: tools and options."""
    state = blake2b(digest_size=16)
    tools = (tool.definition for tool in prompt.tools or ())
    options = (
        part for name, raw in prompt.template_options.items() for part in (name.encode(), raw)
    )
    for part in (b"tools", *tools, b"options", *options):
        state.update(len(part).to_bytes(8, "little") + part)
    return state.digest()
