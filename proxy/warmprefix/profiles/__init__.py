"""The clients. To add one: one file, one row in the test table, one line here. The first that fits wins."""

from collections.abc import Mapping

from warmprefix.core.rules import RULE_NAMES
from warmprefix.dialects.base import Request
from warmprefix.profiles import (
    aider,
    anthropic_sdk,
    claude_code,
    cline,
    codex,
    continue_cli,
    generic,
    gptme,
    hermes,
    home_assistant,
    kilo,
    langchain_js,
    mini_swe_agent,
    open_webui,
    openai_agents,
    openai_sdk,
    openclaw,
    opencode,
    pi,
    pydantic_ai,
    qwen_code,
    sillytavern,
    smolagents,
)
from warmprefix.profiles.base import Profile, Recognised, recognise

PROFILES: tuple[Profile, ...] = (
    claude_code.PROFILE,
    codex.PROFILE,
    kilo.PROFILE,  # before OpenCode, of whose texts it has some
    opencode.PROFILE,
    qwen_code.PROFILE,
    hermes.PROFILE,
    cline.PROFILE,
    pi.PROFILE,
    gptme.PROFILE,
    smolagents.PROFILE,
    aider.PROFILE,
    open_webui.PROFILE,
    sillytavern.PROFILE,
    home_assistant.PROFILE,
    openclaw.PROFILE,
    continue_cli.PROFILE,
    mini_swe_agent.PROFILE,
    pydantic_ai.PROFILE,
    openai_agents.PROFILE,
    langchain_js.PROFILE,
    anthropic_sdk.PROFILE,  # these two last: many of the others use their libraries
    openai_sdk.PROFILE,
)


def rule_names() -> frozenset[str]:
    """Every name by which a setting may mean a rule: for all clients, or for one."""
    per_client = (f"{profile.name}:{rule}" for profile in PROFILES for rule in RULE_NAMES)
    return RULE_NAMES.union(per_client)


def profile_of(headers: Mapping[str, str], request: Request) -> Recognised:
    """The client of a request, by its headers (lower-case names) and its system text."""
    return recognise(PROFILES, generic.PROFILE, headers, request)
