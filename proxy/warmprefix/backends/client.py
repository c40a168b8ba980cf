"""The HTTP client for questions to a backend. It ignores the environment and shares one list of
certificates.
"""

import functools
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
