"""What is set already, for the hints of one client's breaks."""

from collections.abc import Callable

from warmprefix.config import Config
from warmprefix.config.patterns import compiled
from warmprefix.core.explain.hint import InForce, OwnBlock, OwnText
from warmprefix.core.identity.transient import Block
from warmprefix.profiles import PROFILES
from warmprefix.profiles.client_settings import settings_of

_NAMES = frozenset(profile.name for profile in PROFILES)


def in_force(config: Config, *, observe: bool = False) -> Callable[[str], InForce]:
    """What is set, by the name of a client. One that has no profile cannot be named in a setting."""

    def of(client: str) -> InForce:
        return InForce(
            client=client if client in _NAMES else "",
            enable=config.canonicalize.enable,
            disable=config.canonicalize.disable,
            restore_reasoning=config.memory.restore_reasoning,
            is_observed=observe,
            client_settings=settings_of(client),
            texts=tuple(
                OwnText(text.name, compiled(text.pattern))
                for text in config.canonicalize.volatile
                if text.client in ("", client)
            ),
            blocks=tuple(
                OwnBlock(one.name, Block(one.opens, one.closes, "the settings"))
                for one in config.canonicalize.transient
                if one.client in ("", client)
            ),
            keeps_branches=config.slots.separate_branches,
        )

    return of
