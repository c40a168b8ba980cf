"""The clients. To add one: one file, one row in the test table, one line here. The first that fits wins."""

from collections.abc import Mapping

from warmprefix.dialects.base import Request
from warmprefix.profiles import (
    aider,
    claude_code,
    cline,
    codex,
    generic,
    gptme,
    hermes,
    open_webui,
    openai_sdk,
    opencode,
    pi,
    qwen_code,
    smolagents,
)
from warmprefix.profiles.base import Profile, Recognised, recognise

PROFILES: tuple[Profile, ...] = (
    claude_code.PROFILE,
    codex.PROFILE,
    opencode.PROFILE,
    qwen_code.PROFILE,
    hermes.PROFILE,
    cline.PROFILE,
    pi.PROFILE,
    gptme.PROFILE,
    smolagents.PROFILE,
    aider.PROFILE,
    open_webui.PROFILE,
    openai_sdk.PROFILE,  # last: many of the others use that library
)


def profile_of(headers: Mapping[str, str], request: Request) -> Recognised:
    """The client of a request, by its headers (lower-case names) and its system text."""
    return recognise(PROFILES, generic.PROFILE, headers, request)
