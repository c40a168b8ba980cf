"""By which id a client names its session, in a header or in the body.

It is a hint inside one credential. It must name one conversation: what all chats of a user have in common
(`user`), and what each request has for itself (`rid`), name none.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain

from warmprefix.dialects.base import Request

PARENTS = (
    "x-claude-code-parent-agent-id",
    "x-parent-session-id",
    "x-dynamo-parent-session-id",
)
"""The headers by which a sub-agent says what has started it."""
CODEX_TURN = "x-codex-turn-metadata"

_MOST = 16 * 1024  # characters of JSON that are read; those of a client are a few hundred
_CLAUDE_USER = re.compile(r"_session_([0-9a-fA-F-]{16,})\Z")
# A key that somebody has thought up ("my-app") is one for all chats; what a program makes up is long and has
# digits.
_MADE_UP = re.compile(r"(?=[^\d]*\d)[\w.:-]{20,200}\Z")
_CLAUDE_SESSION = "x-claude-code-session-id"


def session_of(
    names: tuple[str, ...], agent: str | None, headers: Mapping[str, str], request: Request
) -> str | None:
    """The id of a request's session; None if it has none. `names`: the headers to look in, best first; `agent`:
    a sub-agent of the session, which has a conversation of its own."""
    given = (headers[name] for name in names if headers.get(name))
    session = next(chain(given, _in_metadata(headers), _in_body(request.options)), None)
    return f"{session}/{agent}" if session and agent else session


def parent_of(session: str | None, headers: Mapping[str, str]) -> str | None:
    """The id of the session that has started this one, if the client says so."""
    above = next((headers[name] for name in PARENTS if headers.get(name)), None)
    root = headers.get(_CLAUDE_SESSION)
    if root is None:
        return above
    if headers.get(PARENTS[0]):
        return f"{root}/{above}"
    return root if session != root else None


def _in_metadata(headers: Mapping[str, str]) -> Iterator[str]:
    match _read(headers.get(CODEX_TURN, "")):
        case {"session_id": str(session)} | {"thread_id": str(session)} if session:
            yield session


def _in_body(options: Mapping[str, object]) -> Iterator[str]:
    match options.get("session_id"):
        case str(session) if session:
            yield session
    match options.get("metadata"):
        case {"session_id": str(session)} if session:
            yield session
        case {"user_id": str(user)}:
            match _read(user):
                case {"session_id": str(session)} if session:
                    yield session
            if old := _CLAUDE_USER.search(user):
                yield old[1]
    match options.get("prompt_cache_key"):
        case str(key) if _MADE_UP.match(key):
            yield key


def _read(text: str) -> object:
    try:
        return json.loads(text) if text.startswith("{") and len(text) <= _MOST else None
    except (ValueError, RecursionError):
        return None
