"""The backend of a command that no setting names one to: the one that answers on this machine."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warmprefix.config import Effective

SOURCE = "found: it answers there"
"""Where the address comes from, as `warmprefix config` says it."""


def answering_here() -> str | None:
    """The address of a backend that answers on this machine; None if there is none where one usually is."""
    from warmprefix.backends import usual

    return asyncio.run(usual.answering(usual.USUAL))


def with_backend_at(settings: "Effective", url: str) -> "Effective":
    """The settings with this backend, unless one is named."""
    if settings.names_backend:
        return settings
    config = settings.config
    return replace(
        settings,
        config=replace(config, backend=replace(config.backend, url=url)),
        sources={**settings.sources, "backend.url": SOURCE},
    )
