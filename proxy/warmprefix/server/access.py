"""Who may send requests: the optional API key, and the host names and origins of pages in browsers."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple

from warmprefix.backends.base import Headers
from warmprefix.config import ServerConfig

First = Mapping[bytes, bytes]
"""The first value of each header, by its name in lower case."""
Client = tuple[str, int] | None
"""The address that a request comes from; None if it has none (a Unix socket, a test)."""

_CREDENTIALS = (b"authorization", b"x-api-key")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_LOCAL_NAMES = (".local", ".localhost", ".lan", ".home.arpa", ".internal")


class Refused(NamedTuple):
    """How a request is refused: the status, the word for the error, and what the client is told."""

    status: int
    code: str
    message: str


_NO_KEY = Refused(401, "authentication_error", "Invalid API Key")
_FOREIGN_HERE = Refused(
    421,
    "host_not_allowed",
    "warmprefix: this Host name is not allowed here. Open it as localhost, or add the "
    "name to server.allowed_hosts.",
)
_NOT_ALLOWED = (
    "warmprefix: {} is not allowed here. Add the name to server.allowed_hosts if you trust it."
)
_FOREIGN_HOST = Refused(421, "host_not_allowed", _NOT_ALLOWED.format("this Host name"))
_FOREIGN_ORIGIN = Refused(403, "origin_not_allowed", _NOT_ALLOWED.format("this Origin"))


def refusal(
    headers: First,
    client: Client,
    config: ServerConfig,
    *,
    is_ours: bool,
    is_open: bool,
    is_safe: bool,
) -> Refused | None:
    """Why a request may not pass; None if it may. `is_ours`: it is for a page of ours; `is_open`: it needs no
    key; `is_safe`: it changes nothing, whoever sends it."""
    if not is_open and not has_key(headers, config.api_key):
        return _NO_KEY
    if is_ours and not is_own_host(headers, client, config):
        return _FOREIGN_HERE
    if not is_ours and not may_relay_host(headers, config):
        return _FOREIGN_HOST
    return _FOREIGN_ORIGIN if not is_safe and is_foreign_origin(headers, config) else None


def has_key(headers: First, api_key: str | None) -> bool:
    """Whether the request carries the key; true if none is required.

    It may stand in either header in which llama-server looks for its own: programs that speak Anthropic's API
    send `X-Api-Key`.
    """
    if not api_key:
        return True
    return any(is_key(name, headers.get(name, b""), api_key) for name in _CREDENTIALS)


def without_key(headers: Headers, api_key: str) -> Headers:
    """A request's headers without the key: it is the proxy's, and no backend is shown it."""
    return [(name, value) for name, value in headers if not is_key(name, value, api_key)]


def is_key(name: bytes, value: bytes, api_key: str) -> bool:
    """Whether a header carries the key, compared in constant time."""
    if name not in _CREDENTIALS:
        return False
    scheme, _, key = value.partition(b" ")
    if name == b"authorization":
        value = key if scheme.lower() == b"bearer" else b""
    return hmac.compare_digest(value.strip(), api_key.encode())


def is_own_host(headers: First, client: Client, config: ServerConfig) -> bool:
    """Whether `Host` names this machine: a foreign page must not reach ours by a DNS name of its own.

    Whoever says "localhost" must be on this machine, unless the settings allow that name: in a container the
    requests of its host come from another address.
    """
    name = _host_name(headers)
    names = {allowed.lower() for allowed in config.allowed_hosts}
    if name in _LOOPBACK and name not in names and config.hosts != (name,):
        return _is_local(client)
    return name in _LOOPBACK or name in _allowed(config)


def may_relay_host(headers: First, config: ServerConfig) -> bool:
    """Whether a request under this `Host` may go to the backend: a page whose own DNS name points here must not
    use the model.

    An address, a name without a dot and the names of local networks (RFC 6762, RFC 8375, ICANN's .internal)
    cannot be a stranger's. Without `Host` it is no browser.
    """
    name = _host_name(headers)
    if not name or name in _LOOPBACK or name in _allowed(config) or "." not in name:
        return True
    return _is_address(name) or name.endswith(_LOCAL_NAMES)


def is_foreign_origin(headers: First, config: ServerConfig) -> bool:
    """Whether a browser says that the page which asks is of another site than this server's host."""
    origin = headers.get(b"origin")
    if origin is None:
        return False
    text = origin.decode("latin-1").lower()
    scheme, mark, rest = text.partition("://")
    name = _without_port(rest)
    if not mark or scheme not in ("http", "https") or not name:
        return True
    return name not in {*_LOOPBACK, *_allowed(config), _host_name(headers)}


def _allowed(config: ServerConfig) -> set[str]:
    return {*config.hosts, *(allowed.lower() for allowed in config.allowed_hosts)}


def _host_name(headers: First) -> str:
    return _without_port(headers.get(b"host", b"").decode("latin-1").lower())


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdigit() else host


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_local(client: Client) -> bool:
    """Whether the client is on this machine; true if it has no address."""
    if not client or not _is_address(client[0]):
        return True
    return ip_address(client[0]).is_loopback
