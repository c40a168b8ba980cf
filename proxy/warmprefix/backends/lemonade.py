"""Lemonade Server in front of llama-server.

Facts: https://github.com/lemonade-sdk/lemonade at 11.7.0, thinking_controls.cpp and server.cpp.
"""

from collections.abc import Mapping

from warmprefix.backends.base import Headers
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import RawJson
from warmprefix.core.wire.slices import members, write_object
from warmprefix.dialects.base import Request

_KWARGS = "chat_template_kwargs"
_FALSE = RawJson(b"false")


class Lemonade:
    """Keeps Lemonade from editing the last user message and from refusing a browser's Origin."""

    name = "lemonade"

    def headers(self, headers: Headers) -> Headers:
        """Without Origin: one that is neither loopback nor allowed is answered 403, even on GET."""
        return [(key, value) for key, value in headers if key.lower() != b"origin"]

    def options(self, request: Request) -> Mapping[str, RawJson | None]:
        """Native thinking controls instead of those that Lemonade turns into message text.

        `enable_thinking: false`, `thinking: false` and `thinking: {"type": "disabled"}` make it put
        "/no_think" in front of the last user message only, so the prefix breaks there on every new
        turn (thinking_controls.cpp:64-104). It sets these same native controls besides (:6-37).
        """
        if not _thinking_is_off(request.options):
            return {}
        start, end = request.members.get(_KWARGS, (0, 0))
        kwargs = _with_thinking_off(request.body[start:end])
        if kwargs is None:
            return {}
        changes: dict[str, RawJson | None] = {
            name: None for name in ("enable_thinking", "thinking") if name in request.members
        }
        if "reasoning_effort" not in request.members:
            changes["reasoning_effort"] = RawJson(b'"none"')
        return {**changes, _KWARGS: kwargs}


def _thinking_is_off(options: Mapping[str, object]) -> bool:
    enabled = options.get("enable_thinking")
    if isinstance(enabled, bool):  # outranks the other spelling, there as here
        return not enabled
    thinking = options.get("thinking")
    disabled = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    return thinking is False or disabled


def _with_thinking_off(kwargs: bytes) -> RawJson | None:
    """The client's template options with thinking off; None where they are not an object."""
    if kwargs in (b"", b"null"):
        return RawJson(b'{"enable_thinking":false}')
    try:
        spans = members(kwargs)
    except NotUnderstood:
        return None
    kept = {key: RawJson(kwargs[start:end]) for key, (start, end) in spans.items()}
    return RawJson(write_object({"enable_thinking": _FALSE, **kept}.items()))
