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


def head_of(prompt: Prompt) -> bytes:
    """Digest of what templates render before the messages. Blanks between the members of a tool do not count:
    templates get them as values."""
    state = blake2b(digest_size=16)
    tools = (compact(tool.definition) for tool in prompt.tools or ())
    options = (
        part for name, raw in prompt.template_options.items() for part in (name.encode(), raw)
    )
    for part in (b"tools", *tools, b"options", *options):
        state.update(len(part).to_bytes(8, "little") + part)
    return state.digest()


def tools_size(prompt: Prompt) -> int:
    """Characters of its tools, without such blanks."""
    return sum(len(compact(tool.definition)) for tool in prompt.tools or ())


def mark_of(
    texts: Sequence[str], messages: int, fragment: int, tools: int, scope: bytes, head: bytes
) -> Mark:
    """The mark of a prompt's beginning. `texts`: its messages as templates show them; `tools`: characters of
    its tools; `head`: digest of what is rendered before the messages."""
    whole, rest = texts[:messages], texts[messages][:fragment] if fragment else ""
    state = blake2b(digest_size=16)
    for part in (scope, head, *(text.encode("utf-8", "surrogatepass") for text in (*whole, rest))):
        state.update(len(part).to_bytes(8, "little") + part)
    characters = tools + sum(map(len, whole)) + len(rest)
    return Mark(messages, len(rest), characters, state.hexdigest())


def fits(mark: Mark, texts: Sequence[str], tools: int, scope: bytes, head: bytes) -> bool:
    """Whether a prompt begins with what is marked, and goes on."""
    if len(texts) <= mark.messages or len(texts[mark.messages]) < mark.fragment:
        return False
    return mark_of(texts, mark.messages, mark.fragment, tools, scope, head) == mark


def beginning(
    one: Sequence[str], other: Sequence[str], tools: int, scope: bytes, head: bytes
) -> Beginning | None:
    """What two prompts with the same head begin with; None if one of them goes on from the other."""
    pairs = enumerate(zip(one, other, strict=False))
    at = next((at for at, (a, b) in pairs if a != b), None)
    if at is None:
        return None
    shared = one[at][: shared_characters(one[at], other[at])]
    kept = trimmed(shared)
    return Beginning(mark_of(one, at, kept, tools, scope, head), len(shared) - kept)


def trimmed(shared: str) -> int:
    """How many characters of a message's JSON are kept of those that two share: up to the end of a line or the
    beginning of a text, if one is near; else up to the last blank; else all."""
    near = shared[-TRIM_CHARACTERS:]
    line, quote, blank = near.rfind("\\n"), near.rfind('"'), near.rfind(" ")
    at = max(line + 2 if line >= 0 else 0, quote + 1) or blank + 1 or len(near)
    return len(shared) - len(near) + at
