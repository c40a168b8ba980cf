"""Who may send requests: the optional API key, and the host names under which our own pages open."""

import hmac

from warmprefix.config import ServerConfig
from warmprefix.server.asgi import Scope, header

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def has_key(scope: Scope, api_key: str | None) -> bool:
    """Whether the request carries the key, compared in constant time; true if none is required.

    It may stand in either header in which llama-server looks for its own: programs that speak Anthropic's API
    send `X-Api-Key`.
    """
    if not api_key:
        return True
    given = header(scope, b"authorization") or b""
    scheme, _, key = given.partition(b" ")
    bearer = key if scheme.lower() == b"bearer" else b""
    keys = (bearer, header(scope, b"x-api-key") or b"")
    expected = api_key.encode()
    return any(hmac.compare_digest(key.strip(), expected) for key in keys)


def is_own_host(scope: Scope, config: ServerConfig) -> bool:
    """Whether `Host` names this machine: a foreign page must not reach ours by a DNS name of its own."""
    host = (header(scope, b"host") or b"").decode("latin-1").lower()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    allowed = {config.host.lower(), *(allowed.lower() for allowed in config.allowed_hosts)}
    return name in _LOOPBACK or name in allowed
