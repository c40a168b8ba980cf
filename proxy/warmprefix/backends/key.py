"""The API key of one backend: the configured one, otherwise that of a request that succeeded.

It stays in memory, and is sent to no address but the backend's own.
"""

from yarl import URL

from warmprefix.backends.base import Headers

_CREDENTIALS = frozenset({b"authorization", b"x-api-key"})
"""The headers in which llama-server looks for a key (server-http.cpp, `middleware_validate_api_key`)."""


class BackendKey:
    """What an `Asker` adds to every question to that backend."""

    def __init__(self, url: str, configured: str | None = None) -> None:
        self._address = _address(url)
        self._configured: Headers = []
        if configured:
            self._configured = [(b"authorization", f"Bearer {configured}".encode())]
        self._learnt: Headers = []
        self.is_wanted = False
        """Whether the backend has refused a question without a key, and we know none that it accepts."""

    def __repr__(self) -> str:
        return f"BackendKey(is_wanted={self.is_wanted})"

    @property
    def is_configured(self) -> bool:
        """Whether the settings name a key."""
        return bool(self._configured)

    def for_question(self, url: str) -> Headers:
        """The key, if a question goes to the backend; otherwise nothing."""
        return (self._configured or self._learnt) if _address(url) == self._address else []

    def for_client(self, headers: Headers) -> Headers:
        """The headers of a client's request, with the configured key if it sends none of its own."""
        if any(name.lower() in _CREDENTIALS for name, _ in headers):
            return headers
        return [*headers, *self._configured]

    def refused(self) -> None:
        """A question was refused: the learned key was none, or is no longer one."""
        self._learnt = []
        self.is_wanted = True

    def accepted(self) -> None:
        """A question that needs a key was answered."""
        self.is_wanted = False

    def succeeded(self, headers: Headers) -> bool:
        """The backend has answered a request with these headers with 200. True if that was how we learned the
        key."""
        if not self.is_wanted or self._configured:
            return False
        self._learnt = [header for header in headers if header[0].lower() in _CREDENTIALS]
        return bool(self._learnt)


def _address(url: str) -> URL:
    return URL(url).origin()
