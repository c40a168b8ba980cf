"""The HTTP client for questions to a backend: nothing of the environment, one list of certificates."""

import functools
import ssl

import httpx


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Read once: it takes 40 ms, a start's largest part, and every client may share it."""
    return httpx.create_ssl_context(trust_env=False)


def new_client(limit_s: float = 5.0, auth: httpx.Auth | None = None) -> httpx.AsyncClient:
    """A client whose answers may take `limit_s` if a question sets no limit of its own."""
    return httpx.AsyncClient(verify=_trusted(), trust_env=False, timeout=limit_s, auth=auth)
