"""llama.cpp's llama-server."""

from collections.abc import Mapping

from warmprefix.backends.base import Headers
from warmprefix.core.types import RawJson
from warmprefix.dialects.base import Request


class LlamaCpp:
    """Takes requests as they are."""

    name = "llamacpp"

    def headers(self, headers: Headers) -> Headers:
        """All of them: llama-server echoes any Origin (CORS `*`)."""
        return headers

    def options(self, request: Request) -> Mapping[str, RawJson | None]:
        """Nothing to change."""
        del request
        return {}
