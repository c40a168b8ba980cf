"""The headers by which a router behind us is told the conversation: all its turns then come to one worker."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from warmprefix.backends.base import Headers


class SessionHeader(NamedTuple):
    """`name`: the header with the conversation; `parent`: the one with that which it has sprung from, if the
    router knows any."""

    name: str
    parent: str = ""


PRESETS: Mapping[str, SessionHeader] = {
    "vllm-router": SessionHeader("X-Session-ID"),
    "smg": SessionHeader("X-SMG-Routing-Key"),
    "olla": SessionHeader("X-Olla-Session-ID"),
    "dynamo": SessionHeader("X-Dynamo-Session-ID", "X-Dynamo-Parent-Session-ID"),
    "litellm": SessionHeader("X-LiteLLM-Session-Id"),
}
"""What routers read, by their names."""


def named(setting: str) -> tuple[SessionHeader, ...]:
    """The headers of `backend.session_header`: names and presets, with commas between them."""
    words = (word.strip() for word in setting.split(","))
    return tuple(PRESETS.get(word) or SessionHeader(word) for word in words if word)


def with_session(
    headers: Headers, names: Sequence[SessionHeader], conversation: str, parent: str | None
) -> Headers:
    """A request's headers, with these in the place of the client's own of the same names."""
    ours: Headers = []
    for name, above in names:
        ours.append((name.encode(), conversation.encode()))
        if above and parent:
            ours.append((above.encode(), parent.encode()))
    replaced = {each.lower().encode() for pair in names for each in pair if each}
    return [*(pair for pair in headers if pair[0].lower() not in replaced), *ours]
