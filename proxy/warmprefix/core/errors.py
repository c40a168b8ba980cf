"""Every error that the proxy itself raises, as one small tree.

    ProxyError(side)
    ├─ NotUnderstood    PROXY     valid traffic, but not ours to touch: passed through and counted
    ├─ BackendError     BACKEND
    │  ├─ Unreachable   refused, no such host, no route: nothing was sent
    │  │  └─ Untrusted  no TLS, or a certificate that is not trusted
    │  ├─ TimedOut      no answer within the configured time
    │  ├─ Disconnected  the backend closed the connection before or inside its answer
    │  └─ RefusedUpgrade  the backend answered a WebSocket upgrade with a status of its own
    ├─ StoreError       PROXY     never reaches the client
    └─ ConfigError      PROXY     before the first request; names file, key and line

A backend's own 4xx or 5xx is an answer, not an error: it is relayed as it is.
"""

from enum import Enum


class Side(Enum):
    """Who is at fault; the most useful field of an error in a proxy."""

    CLIENT = "client"
    BACKEND = "backend"
    PROXY = "proxy"


class ProxyError(Exception):
    """Base of all errors raised by the proxy."""

    side: Side = Side.PROXY


class NotUnderstood(ProxyError):
    """The core may not change this body; forward it untouched."""


class BackendError(ProxyError):
    """The backend failed."""

    side = Side.BACKEND


class Unreachable(BackendError):
    """No connection to the backend; nothing was sent."""


class Untrusted(Unreachable):
    """TLS failed; nothing was sent."""


class TimedOut(BackendError):
    """The backend did not answer in time."""


class Disconnected(BackendError):
    """The backend closed the connection before its answer was complete."""


class RefusedUpgrade(BackendError):
    """The backend did not open a WebSocket; `status` is its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the backend refused the upgrade with status {status}")
        self.status = status


class TelemetryError(ProxyError):
    """Spans or measurements could not be delivered."""


class StoreError(ProxyError):
    """The ledger's store failed; the request goes on without memory."""


class ConfigError(ProxyError):
    """The configuration cannot be used. The message has a line for each problem: file, line, key."""
