"""What is known of a client's requests, as data, and how the client is recognised."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from warmprefix.core.types import Message, TextPart
from warmprefix.dialects.base import Request
from warmprefix.profiles.sessions import session_of

_LOOKED_AT = 4096  # characters of a user's text: marks of housekeeping stand at its beginning
_HEAD_CHARACTERS = 200  # a side request's mark is at the top of a system text


@dataclass(frozen=True, slots=True)
class Profile:
    """One client. It is recognised by any of these: the start of its User-Agent, a header that it alone sends,
    the start of its system text, a pattern in the first characters of that. `session_headers`: those in which
    it puts a session id, best first; `agent_header`: the one in which it names a sub-agent of that session,
    which has a conversation of its own. `side`: the mark of its housekeeping in a text; `side_starts`: the
    start of a system text that nothing else has; `says_side`: what its headers or the rest of its body say of
    that. If they say anything, no mark counts. `recommended`: rules that are off by default and pay for this
    client (docs/clients.md)."""

    name: str
    user_agents: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    system_starts: tuple[str, ...] = ()
    system_pattern: re.Pattern[str] | None = None
    session_headers: tuple[str, ...] = ()
    agent_header: str = ""
    side: re.Pattern[str] | None = None
    side_starts: tuple[str, ...] = ()
    says_side: Callable[[Mapping[str, str], Request], bool | None] | None = None
    recommended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who sent a request. `session`: its explicit session id; that alone is not trusted, since title requests
    carry the same. `side`: it is the client's own housekeeping, not part of a conversation; `is_said`: the
    client itself has said whether it is, so its place in a conversation shows nothing of that."""

    client: str
    session: str | None
    side: bool
    is_said: bool = False


def recognise(
    profiles: Sequence[Profile], generic: Profile, headers: Mapping[str, str], request: Request
) -> Recognised:
    """The client of a request. Header names are lower case."""
    heads = system_heads(request.prompt.messages)
    found = next((p for p in profiles if _is(p, headers, heads)), generic)
    names = (*found.session_headers, *generic.session_headers)
    session = session_of(names, headers.get(found.agent_header), headers, request)
    said = found.says_side(headers, request) if found.says_side is not None else None
    side = is_side(found, generic, request, heads) if said is None else said
    return Recognised(found.name, session, side, said is not None)


def _is(profile: Profile, headers: Mapping[str, str], heads: Sequence[str]) -> bool:
    agent = headers.get("user-agent", "")
    pattern = profile.system_pattern
    return (
        agent.startswith(profile.user_agents)
        or not headers.keys().isdisjoint(profile.headers)
        or any(head.startswith(profile.system_starts) for head in heads)
        or (pattern is not None and any(pattern.search(head) for head in heads))
    )


def is_side(profile: Profile, generic: Profile, request: Request, heads: Sequence[str]) -> bool:
    """Whether a request has a mark of housekeeping and also the shape of it.

    No mark alone is proof: a person may write "generate a title". So the request must also have no tools and no
    earlier reply, as nearly all side requests do. One whose system text is the client's own for it may have the
    replies that it is about.
    """
    messages = request.prompt.messages
    if request.prompt.tools:
        return False
    if any(head.startswith(profile.side_starts) for head in heads):
        return True
    if any(message.role == "assistant" for message in messages):
        return False
    last_user = next((text(m) for m in reversed(messages) if m.role == "user"), "")[:_LOOKED_AT]
    places = (*heads, last_user)
    patterns = [p for p in (profile.side, generic.side) if p is not None]
    return any(pattern.search(place) for pattern in patterns for place in places)


def known_headers(profile: Profile) -> frozenset[str]:
    """The headers by which a client, its session, its sub-agent or the purpose of a request is told."""
    named = (*profile.headers, *profile.session_headers, profile.agent_header)
    return frozenset(named) - {""}


def system_heads(messages: Sequence[Message]) -> tuple[str, ...]:
    """The first characters of every leading system text, part by part."""
    heads: list[str] = []
    for message in messages:
        if message.role not in ("system", "developer"):
            break
        if isinstance(message.content, tuple):
            heads += [p.text for p in message.content if isinstance(p, TextPart)]
        else:
            heads.append(message.content or "")
    return tuple(head.lstrip()[:_HEAD_CHARACTERS] for head in heads)


def text(message: Message) -> str:
    """The text of a message, its parts joined."""
    if isinstance(message.content, tuple):
        return "\n".join(part.text for part in message.content if isinstance(part, TextPart))
    return message.content or ""
