"""What a backend is to the rest of the proxy."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from warmprefix.backends.answers import Answer
from warmprefix.core.doctor.facts import Engine
from warmprefix.core.types import RawJson
from warmprefix.dialects.base import Request

Headers = list[tuple[bytes, bytes]]
Body = bytes | AsyncIterator[bytes] | None

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of one connection, not of the message (RFC 9110, 7.6.1)."""


def end_to_end(headers: Headers) -> Headers:
    """`headers` without those of the connection, named in it or by the standard."""
    named = {
        name.strip().lower()
        for key, value in headers
        if key.lower() == b"connection"
        for name in value.split(b",")
    }
    dropped = HOP_BY_HOP | named
    return [(key, value) for key, value in headers if key.lower() not in dropped]


class Response(Protocol):
    """An answer whose head has arrived. `headers` are end-to-end ones, as received."""

    status: int
    headers: Headers

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives, undecoded. Raises BackendError if it ends too early."""
        ...

    def close(self) -> None:
        """Close the connection now, unless the answer has been read to its end."""
        ...


Ability = Literal["props", "slots", "render", "evaluate", "save", "counts", "progress"]
"""What llama-server's own API offers besides the chat, if a kind of backend has it.

`props`: which start, model and template it is; nothing below can be used without it. `slots`: what every slot
holds, and a request may name one. `render`: what the template makes of a prompt. `evaluate`: a prompt in
tokens, read into a slot without a reply. `save`: a slot to a file and back. `counts`: cached tokens with every
chat reply. `progress`: in a stream, if it is asked, how much of the prompt was read.
"""

EVERYTHING: frozenset[Ability] = frozenset(
    {"props", "slots", "render", "evaluate", "save", "counts", "progress"}
)

Members = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Mark:
    """How a kind is recognised: whether the answer to GET `path` is one of its own."""

    path: str
    is_its_own: Callable[[Answer], bool]


@dataclass(frozen=True, slots=True)
class Inner:
    """A llama-server behind the backend: `address` reads it from the answer to GET `path`; None if there is
    none."""

    path: str
    address: Callable[[Members], str | None]


def unchanged(headers: Headers) -> Headers:
    """The client's headers as they came."""
    return headers


def no_options(request: Request) -> Mapping[str, RawJson | None]:
    """Nothing to change in a request."""
    del request
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of backend: what it can do, and what it needs done differently.

    A backend is not asked for what its kind cannot do. `mark` is None for the kind of every backend that no
    other mark fits. `inner`: the server to ask, if not the backend itself. `headers`: the client's headers as
    it should get them. `options`: top-level members to replace in a chat request, or to drop if None. `reads`:
    members of a reply that are not part of the API, but that it reads if a client gives them back. `engine`:
    what it declares of itself if it keeps its cache without slots.
    """

    name: str
    can: frozenset[Ability]
    mark: Mark | None = None
    inner: Inner | None = None
    headers: Callable[[Headers], Headers] = unchanged
    options: Callable[[Request], Mapping[str, RawJson | None]] = no_options
    reads: frozenset[str] = frozenset()
    engine: Engine | None = None
