"""The opening of a prompt: the part that new conversations of one kind begin with. Values only.

A `Mark` recognises it in other requests: tools, options, whole messages, and the beginning of the first message
that differs. It holds digests and no text, so it can be stored beside the file of the slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.types import Prompt
from warmprefix.core.wire.slices import compact

TRIM_CHARACTERS = 256
"""How far a cut goes back to the end of a line or to the beginning of a text: two first questions may begin
with the same words by chance, a third one will not."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`messages`: whole ones; `fragment`: characters of the next one. `characters`: all of them and the tools.
    `digest`: of the credential's scope, of what is rendered before the messages, and of these texts."""

    messages: int
    fragment: int
    characters: int
    digest: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """What two prompts share from the start. `cut`: characters that were shared too and are left out."""

    mark: Mark
    cut: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A saved opening that a request begins with. `total`: characters of the request; `is_elsewhere`: the
    RAM cache is taken to have as much of it, or more; `is_whole`: the server reuses no part of what a slot
    holds, so that only the opening itself helps."""

    name: str
    tokens: int
    characters: int
    total: int
    is_elsewhere: bool = False
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A prompt as templates show it. `texts`: its messages; `tools`: characters of its tools; `scope`: of its
    credential; `head`: digest of what is rendered before the messages."""

    texts: Sequence[str]
    tools: int
    scope: bytes
    head: bytes

    @property
    def size(self) -> int:
        """Characters of the whole prompt."""
        return self.tools + sum(map(len, self.texts))


def shown_of(prompt: Prompt, texts: Sequence[str], scope: bytes) -> Shown:
    """A prompt whose messages are shown as `texts`. Blanks between the members of a tool do not count:
    templates get them as values."""
    state = blake2b(digest_size=16)
    tools = [compact(tool.definition) for tool in prompt.tools or ()]
    options = (
        part for name, raw in prompt.template_options.items() for part in (name.encode(), raw)
    )
    for part in (b"tools", *tools, b"options", *options):
        state.update(len(part).to_bytes(8, "little") + part)
    return Shown(texts, sum(map(len, tools)), scope, state.digest())


def mark_of(prompt: Shown, messages: int, fragment: int) -> Mark:
    """The mark of a prompt's beginning."""
    texts = prompt.texts
    whole, rest = texts[:messages], texts[messages][:fragment] if fragment else ""
    state = blake2b(digest_size=16)
    encoded = (text.encode("utf-8", "surrogatepass") for text in (*whole, rest))
    for part in (prompt.scope, prompt.head, *encoded):
        state.update(len(part).to_bytes(8, "little") + part)
    characters = prompt.tools + sum(map(len, whole)) + len(rest)
    return Mark(messages, len(rest), characters, state.hexdigest())


def fits(mark: Mark, prompt: Shown) -> bool:
    """Whether a prompt begins with what is marked, and goes on."""
    texts = prompt.texts
    if len(texts) <= mark.messages or len(texts[mark.messages]) < mark.fragment:
        return False
    return mark_of(prompt, mark.messages, mark.fragment) == mark


def beginning(one: Shown, other: Shown) -> Beginning | None:
    """What two prompts begin with; None if that is not even the same credential and head, or if one of them
    goes on from the other."""
    if (one.scope, one.head) != (other.scope, other.head):
        return None
    pairs = enumerate(zip(one.texts, other.texts, strict=False))
    at = next((at for at, (a, b) in pairs if a != b), None)
    if at is None:
        return None
    text = one.texts[at]
    shared = text[: shared_characters(text, other.texts[at])]
    kept = trimmed(shared)
    return Beginning(mark_of(one, at, kept), len(shared) - kept)


def trimmed(shared: str) -> int:
    """How many characters of a message's JSON are kept of those that two share: up to the end of a line or the
    beginning of a text, if one is near; else up to the last blank; else all."""
    near = shared[-TRIM_CHARACTERS:]
    line, quote, blank = near.rfind("\\n"), near.rfind('"'), near.rfind(" ")
    at = max(line + 2 if line >= 0 else 0, quote + 1) or blank + 1 or len(near)
    return len(shared) - len(near) + at
