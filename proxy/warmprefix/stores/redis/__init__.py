"""The ledger in Redis, or in a server that speaks its protocol (Valkey): one for many proxies."""

from urllib.parse import urlsplit

from warmprefix.core.errors import ConfigError
from warmprefix.stores.base import Opening, Store, StoreKind

_SCHEMES = ("redis", "rediss")


def _open(opening: Opening) -> Store:
    try:
        from warmprefix.stores.redis.store import RedisStore
    except ModuleNotFoundError as error:
        what = 'is not installed; pip install "warmprefix[redis]"'
        raise ConfigError(f"memory.store: redis needs a package: {error.name} {what}") from None
    return RedisStore(opening)


def _refuses(place: str) -> str:
    """What is wrong with an address. `warmprefix config` shows it, so it must have no password."""
    try:
        parts = urlsplit(place)
        usable = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError as error:
        return f"not an address: {error}"
    if not usable:
        return "must be an address like redis://127.0.0.1:6379/0 or rediss://user@host:6379"
    if parts.password is not None:
        return "leave out the password; memory.password or memory.password_file is its place"
    return ""


REDIS = StoreKind("redis", "address", _open, _refuses, _SCHEMES)
