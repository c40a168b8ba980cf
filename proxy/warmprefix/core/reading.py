"""How far a request is that is not answered yet: what is known of it while its prompt is read."""

from dataclasses import dataclass
from typing import Literal

from warmprefix.core.messages import plain_text
from warmprefix.core.plural import plural
from warmprefix.core.types import (
    CallPart,
    OpaquePart,
    Part,
    Progress,
    Prompt,
    ResultPart,
)

CHARACTERS_A_TOKEN = 4
"""Of English text and of code, about; the backend counts a prompt only when it reads it."""

State = Literal["waiting", "reading", "writing", "answering"]


@dataclass(frozen=True, slots=True)
class Running:
    """One request. `state`: it waits until it may be sent, its prompt is read, its reply comes; "answering" is
    one of the last two, as a reply that is no stream does not show which. `estimated_tokens`: of the prompt,
    None if it was not understood; `progress`: by the backend's report."""

    turn: str
    conversation: str | None
    client: str
    endpoint: str
    model: str | None
    title: str | None
    backend: str
    started_s: float
    elapsed_s: float
    state: State
    estimated_tokens: int | None
    progress: Progress | None

    @property
    def is_read(self) -> bool:
        """Whether its prompt is being read, as far as that shows."""
        return self.state in ("reading", "answering")


def estimated_tokens(prompt: Prompt) -> int:
    """How many tokens a prompt has, about. Pictures count as nothing."""
    if prompt.is_plain:
        return len(plain_text(prompt)) // CHARACTERS_A_TOKEN
    tools = sum(len(tool.definition) for tool in prompt.tools or ())
    parts = (part for message in prompt.messages for part in message.parts)
    return (tools + sum(map(_size, parts))) // CHARACTERS_A_TOKEN


def _size(part: Part) -> int:
    match part:
        case OpaquePart():
            return 0
        case CallPart(call):
            return len(call.arguments or "")
        case ResultPart():
            return sum(map(_size, part.parts))
        case _:
            return len(part.text)


def words_of(running: Running) -> str:
    """What the operator reads of a prompt that takes long."""
    # No profile knows a client of that name.
    who = "a prompt" if running.client == "unknown" else f"a prompt of {running.client}"
    doing = "being read or answered" if running.state == "answering" else "being read"
    after = f"{doing} after {running.elapsed_s:.0f} s"
    progress = running.progress
    if progress is None:
        estimate = running.estimated_tokens
        size = "" if estimate is None else f", about {plural(estimate, 'token')},"
        return f"{who}{size} is still {after}"
    read = progress.cached_tokens + progress.processed_tokens
    rest = "" if progress.rest_s is None else f", about {progress.rest_s:.0f} s left"
    share = f"{read:,} of {plural(progress.prompt_tokens, 'token')} read ({progress.cached_tokens:,} cached)"
    return f"{who} is still {after}: {share}{rest}"
