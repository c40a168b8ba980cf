"""Which slots are worth saving to disk, which snapshot to restore for a request, and which to delete first.

Facts, measured on llama-server (`POST /slots/{id}?action=save|restore`): a file stores prompt and reply without
the last token, at some hundred to some hundred thousand bytes a token; a restore that fails leaves the slot
empty; a server other than the one that wrote a file may still accept it. So a snapshot is named by what wrote
it, and is only restored if it brings clearly more than the slot already holds.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from warmprefix.core.slots.openings import Mark

POOL_FILES = 16
"""File names that are used in turn if files cannot be deleted: more conversations than one user of a local
model switches between, and a bound on the number of files."""

_LEAST_GAIN_TOKENS = 256
"""Evaluating fewer takes about as long as asking for a restore and waiting for it."""

_LEAST_GAIN_SHARE = 0.05
"""Share of the snapshot: a file of 30,000 tokens takes seconds to read, so it must bring more than some
hundred."""

_HALF_LIFE_S = 86400.0
"""A conversation that nobody went back to for a day is half as likely to come back."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a slot holds of a conversation. `keys`: chain keys of the prompt's messages; `head`: digest of what
    is rendered before them; `tokens`: those of prompt and reply, without the last one."""

    conversation: str
    keys: tuple[bytes, ...]
    head: bytes
    tokens: int

    @property
    def tip(self) -> str:
        """Names the prompt with all before it."""
        return self.keys[-1].hex() if self.keys else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A saved slot. `backend`: digest of the model, context size, template and build that wrote it; `tip`,
    `head`: those of the prompt, in hex; `messages`: their number in the prompt; times in Unix seconds.

    If it is an opening, it belongs to no conversation and has no tip: `opening` is the digest of its mark,
    `messages`, `fragment` and `characters` are the mark's. `uses`: how many prompts began with it.
    """

    name: str
    backend: str
    conversation: str
    tip: str
    head: str
    messages: int
    tokens: int
    size_bytes: int
    saved_s: float
    used_s: float
    opening: str = ""
    fragment: int = 0
    characters: int = 0
    uses: int = 0

    @property
    def mark(self) -> Mark:
        """What recognises an opening in a request."""
        return Mark(self.messages, self.fragment, self.characters, self.opening)

    @property
    def id(self) -> str:
        """A short name for people."""
        return blake2b(self.name.encode(), digest_size=6).hexdigest()

    def is_of(self, keys: Iterable[bytes], head: bytes) -> bool:
        """Whether its prompt is the beginning of a history with these chain keys."""
        return self.fits(_tips(keys), head)

    def fits(self, tips: Collection[str], head: bytes) -> bool:
        """The same, given the chain keys in hex."""
        return bool(self.tip) and self.messages > 0 and self.head == head.hex() and self.tip in tips


def _tips(keys: Iterable[bytes]) -> frozenset[str]:
    return frozenset(key.hex() for key in keys)


def digest(*parts: str) -> str:
    """The identity of a backend as 16 hexadecimal digits: if a part changes, no older snapshot fits."""
    state = blake2b(digest_size=8)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.hexdigest()


def file_name(backend: str, tip: str, owner: str) -> str:
    """The file name of a snapshot. `owner` keeps two proxies apart that share a folder."""
    return f"warmprefix-{backend}-{tip[:16]}-{owner}.bin"


def opening_name(backend: str, mark: Mark, owner: str) -> str:
    """The file name of an opening."""
    return f"warmprefix-opening-{backend}-{mark.digest[:16]}-{owner}.bin"


def pool_name(
    snapshots: Sequence[Snapshot], old: Sequence[Snapshot], owner: str, now: float
) -> str:
    """One of a fixed number of file names to write to: an `old` one if any, or an unused one, or the one whose
    snapshot is worth least."""
    if old:
        return old[0].name
    used = {snapshot.name for snapshot in snapshots}
    names = [f"warmprefix-{owner}-{number:02}.bin" for number in range(POOL_FILES)]
    free = next((name for name in names if name not in used), None)
    return (
        free
        or min(
            (snapshot for snapshot in snapshots if snapshot.name in names),
            key=lambda snapshot: value(snapshot, now),
        ).name
    )


def is_worth_saving(
    held: Held, snapshots: Iterable[Snapshot], backend: str, least_tokens: int
) -> bool:
    """Whether the content is long enough and not yet saved."""
    return held.tokens >= least_tokens and not any(
        (s.backend, s.tip, s.head) == (backend, held.tip, held.head.hex()) for s in snapshots
    )


def is_evicted(held: Held, keys: Sequence[bytes], head: bytes) -> bool:
    """Whether a request with these chain keys cuts what the slot holds instead of going on from it."""
    return held.head != head or not held.keys or held.keys[-1] not in keys


def best(
    snapshots: Iterable[Snapshot], keys: Sequence[bytes], head: bytes, backend: str | None = None
) -> Snapshot | None:
    """The snapshot that brings most of a prompt; from any backend if `backend` is None."""
    tips = _tips(keys)
    fitting = [s for s in snapshots if s.fits(tips, head) and backend in (None, s.backend)]
    return max(fitting, key=lambda s: (s.messages, s.tokens), default=None)


def gain(snapshot: Snapshot, shared: int, sizes: Sequence[int]) -> int:
    """Tokens that a snapshot brings beyond the `shared` leading messages that the slot already holds.

    `sizes`: characters of each message of the request; tokens are taken to be in proportion to them.
    """
    whole = sum(sizes[: snapshot.messages])
    kept = sum(sizes[: min(shared, snapshot.messages)])
    return round(snapshot.tokens * (1 - kept / whole)) if whole else 0


def is_worth(tokens: int, gained: int) -> bool:
    """Whether reading a file of so many tokens pays for what it brings."""
    return gained >= max(_LEAST_GAIN_TOKENS, round(tokens * _LEAST_GAIN_SHARE))


def is_worth_restoring(snapshot: Snapshot, gained: int, lost: int) -> bool:
    """Whether a snapshot brings clearly more than is `lost`: by the request, and by others if what they left is
    overwritten unsaved."""
    return is_worth(snapshot.tokens, gained) and gained > lost


def superseded(held: Held, snapshots: Iterable[Snapshot], backend: str) -> tuple[Snapshot, ...]:
    """Snapshots of earlier turns of the conversation that is saved now: the new one contains them."""
    tips = _tips(held.keys)
    return tuple(s for s in snapshots if s.backend == backend and s.fits(tips, held.head))


def most_used(snapshots: Iterable[Snapshot], backend: str) -> list[Snapshot]:
    """The openings of a backend, the one that most prompts began with first."""
    own = [s for s in snapshots if s.opening and s.backend == backend]
    return sorted(own, key=lambda s: (s.uses, s.used_s, s.tokens), reverse=True)


def value(snapshot: Snapshot, now: float) -> float:
    """What a snapshot is worth: its tokens, halved for each day without use."""
    age_s = max(0.0, now - max(snapshot.saved_s, snapshot.used_s))
    return float(snapshot.tokens * 0.5 ** (age_s / _HALF_LIFE_S))


def leaving(snapshots: Iterable[Snapshot], max_bytes: int, now: float) -> tuple[Snapshot, ...]:
    """The snapshots to delete so that the rest fits, least valuable first."""
    kept = sorted(snapshots, key=lambda snapshot: value(snapshot, now))
    # One that can never fit must not push out all the others first.
    gone = [snapshot for snapshot in kept if snapshot.size_bytes > max_bytes]
    kept = [snapshot for snapshot in kept if snapshot.size_bytes <= max_bytes]
    total = sum(snapshot.size_bytes for snapshot in kept)
    while total > max_bytes:
        total -= kept[0].size_bytes
        gone.append(kept.pop(0))
    return tuple(gone)


def expected_bytes(held: Held, snapshots: Iterable[Snapshot], backend: str) -> int:
    """The least size of its file, judged by others of the same backend; 0 if there are none yet.

    A model with a sliding window has a large part that does not grow with the tokens.
    """
    rates = (s.size_bytes / s.tokens for s in snapshots if s.backend == backend and s.tokens)
    return round(held.tokens * min(rates, default=0.0))
