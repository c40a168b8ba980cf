"""The HTTP client for questions to a backend. It ignores the environment and shares one list of
certificates.
"""

import errno
import functools
import os
import socket
import ssl

import httpx


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The certificates, read once: that takes 40 ms, the largest part of a start, and all clients can share
    them."""
    return httpx.create_ssl_context(trust_env=False)


def new_client(limit_s: float = 5.0, auth: httpx.Auth | None = None) -> httpx.AsyncClient:
    """A client whose answers may take `limit_s` if a question sets no limit of its own."""
    return httpx.AsyncClient(verify=_trusted(), trust_env=False, timeout=limit_s, auth=auth)


def reason_of(error: httpx.HTTPError) -> str:
    """Why no answer came, in the system's words if it has any: httpx says no more than that all attempts
    failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            is_of_system = cause.errno in errno.errorcode and not isinstance(cause, socket.gaierror)
            return os.strerror(cause.errno) if is_of_system else str(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return str(error) or "the connection broke"
