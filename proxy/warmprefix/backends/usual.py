"""Where a backend of this machine usually listens, for commands that no setting names one to."""

import asyncio
from collections.abc import Sequence

from warmprefix.backends import kinds
from warmprefix.backends.client import Asker
from warmprefix.backends.probe import identify
from warmprefix.core.errors import Unreachable

USUAL: tuple[str, ...] = (
    # llama-server: 8080, and 9931 in newer builds (b11669; github.com/ggml-org/llama.cpp/pull/26508)
    "http://127.0.0.1:8080",
    "http://127.0.0.1:9931",
    "http://127.0.0.1:13305",  # Lemonade Server
)


async def answering(urls: Sequence[str]) -> str | None:
    """The first of these addresses at which a server of a kind that we know answers; None if none does.

    Anything may listen on such a port: what shows no mark of a kind is passed over.
    """
    async with Asker() as client:
        found = await asyncio.gather(*(_is_known(client, url) for url in urls))
    return next((url for url, is_known in zip(urls, found, strict=True) if is_known), None)


def none_answers() -> str:
    """That there is none, in words."""
    return f"no setting names a backend, and none answers at {', '.join(USUAL)}"


async def _is_known(client: Asker, url: str) -> bool:
    try:
        kind, _ = await identify(client, url)
    except Unreachable:
        return False
    return kind is not kinds.OTHER
