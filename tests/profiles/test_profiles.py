"""Which client sent a request, and its session.

The fingerprints were taken from captures of the versions named in warmprefix/profiles; the bodies are ours.
"""

import pytest

from tests.builders import system, user
from tests.profiles.requests import (
    ANSWERED,
    ASKED,
    BUN,
    CLAUDE,
    CODEX,
    CODEX_TUI,
    OPENCODE,
    PYTHON,
    TOOLS,
    Case,
    agent,
    block,
    codex_turn,
    one,
    request_of,
)
from tests.strategies import Json, prompt_of
from warmprefix.core.rules import MEMORY_RULES
from warmprefix.core.types import Risk
from warmprefix.profiles import PROFILES, generic, profile_of
from warmprefix.profiles.base import Profile, Recognised, system_heads, text

CLIENTS = [
    Case("claude-code", CLAUDE, ANSWERED, TOOLS, Recognised("claude-code", "s1", False)),
    Case(
        "claude-code-sub-agent",
        CLAUDE | {"x-claude-code-agent-id": "a1"},
        ASKED,
        TOOLS,
        Recognised("claude-code", "s1/a1", False),
    ),
    Case(
        "claude-code-sub-agent-of-no-session",
        {"user-agent": "claude-cli/2.1.197", "x-claude-code-agent-id": "a1"},
        ASKED,
        TOOLS,
        Recognised("claude-code", None, False),
    ),
    Case(
        "claude-code-by-session",
        {"x-claude-code-session-id": "s1"},
        ASKED,
        TOOLS,
        Recognised("claude-code", "s1", False),
    ),
    Case(
        "claude-code-by-billing-line",
        {},
        one(ASKED, "x-anthropic-billing-header: cch=1;\nYou are"),
        TOOLS,
        Recognised("claude-code", None, False),
    ),
    Case(
        "claude-code-by-second-block",
        {},
        [system([block("Be kind."), block("You are a Claude agent, built")]), user("x")],
        TOOLS,
        Recognised("claude-code", None, False),
    ),
    Case(
        "opencode",
        OPENCODE | {"x-session-affinity": "ses_1", "x-session-id": "ses_1"},
        ANSWERED,
        TOOLS,
        Recognised("opencode", "ses_1", False),
    ),
    Case(
        "opencode-own-provider",
        OPENCODE | {"x-opencode-session": "ses_2", "x-session-id": "ses_1"},
        ANSWERED,
        TOOLS,
        Recognised("opencode", "ses_2", False),
    ),
    Case(
        "opencode-by-system-text",
        BUN,
        one(ANSWERED, "You are opencode, an interactive CLI tool"),
        TOOLS,
        Recognised("opencode", None, False),
    ),
    Case(
        "kilo",
        agent("Kilo-Code/7.7.9 ai-sdk/provider-utils/4.0.27 runtime/bun/1.3.14")
        | {"x-session-affinity": "ses_3", "x-session-id": "ses_3"},
        ANSWERED,
        TOOLS,
        Recognised("kilo", "ses_3", False),
    ),
    Case(
        "kilo-title",
        agent("Kilo-Code/7.7.9"),
        one(ASKED, "You are a title generator. You output ONLY a thread title."),
        None,
        Recognised("kilo", None, True),
    ),
    Case(
        "codex",
        CODEX | {"session-id": "t1", "thread-id": "t2"},
        ANSWERED,
        TOOLS,
        Recognised("codex", "t1", False),
    ),
    Case(
        "codex-by-metadata",
        {"x-codex-turn-metadata": "{}", "thread-id": "t2"},
        ASKED,
        TOOLS,
        Recognised("codex", "t2", False),
    ),
    Case("codex-tui", CODEX_TUI, ANSWERED, TOOLS, Recognised("codex", "t1", False)),
    Case(
        "codex-turn",
        codex_turn(request_kind="turn", thread_source="user"),
        ANSWERED,
        TOOLS,
        Recognised("codex", "t1", False, True),
    ),
    Case(
        "qwen-code",
        agent("QwenCode/0.15.10 (linux; x64)"),
        ANSWERED,
        TOOLS,
        Recognised("qwen-code", None, False),
    ),
    Case(
        "pi",
        agent("OpenAI/JS 6.26.0"),
        one(ANSWERED, "You are an expert coding assistant operating inside pi, a", "developer"),
        TOOLS,
        Recognised("pi", None, False),
    ),
    Case(
        "hermes",
        PYTHON,
        one(ANSWERED, "You are Hermes Agent, an assistant"),
        TOOLS,
        Recognised("hermes", None, False),
    ),
    Case(
        "cline",
        BUN,
        one(ANSWERED, "You are Cline, an AI coding agent"),
        TOOLS,
        Recognised("cline", None, False),
    ),
    *(
        Case(
            f"aider-{mode}",
            PYTHON,
            one(ANSWERED, f"Act as an expert {head}"),
            None,
            Recognised("aider", None, False),
        )
        for mode, head in (
            ("code", "software developer.\nAlways use best practices when coding."),
            ("ask", "code analyst.\nAnswer questions about the supplied code."),
            ("architect", "architect engineer and provide direction to your editor engineer."),
        )
    ),
    Case(
        "gptme",
        PYTHON,
        one(ANSWERED, "You are gptme v0.35.1, a"),
        None,
        Recognised("gptme", None, False),
    ),
    Case(
        "smolagents",
        PYTHON,
        one(ANSWERED, "You are an expert assistant who can solve any task using tool calls. You"),
        TOOLS,
        Recognised("smolagents", None, False),
    ),
    Case(
        "open-webui-with-forwarded-headers",
        agent("Python/3.11 aiohttp/3.12") | {"x-openwebui-chat-id": "chat"},
        ANSWERED,
        None,
        Recognised("open-webui", "chat", False),
    ),
    Case(
        "aider",
        agent("OpenAI/Python 2.20.0"),
        one(ANSWERED, "Act as an expert software developer."),
        None,
        Recognised("openai-sdk", None, False),
    ),
    Case(
        "mini-swe-agent",
        PYTHON,
        one(ANSWERED, "You are a helpful assistant that can interact with a computer."),
        TOOLS,
        Recognised("mini-swe-agent", None, False),
    ),
    Case(
        "aider-that-only-answers",
        agent("OpenAI/Python 2.20.0"),
        one(ANSWERED, "Act as an expert code analyst.\nAnswer"),
        None,
        Recognised("aider", None, False),
    ),
    Case(
        "continue",
        agent("ls/JS 5.23.2"),
        one(ANSWERED, "You are an agent in the Continue CLI. Given"),
        TOOLS,
        Recognised("continue", None, False),
    ),
    Case(
        "continue-by-library",
        agent("ls/JS 5.23.2"),
        ASKED,
        None,
        Recognised("continue", None, False),
    ),
    Case(
        "openclaw",
        agent("OpenAI/JS 6.45.0"),
        one(ANSWERED, "<!-- openclaw:attempt:STABLE -->\nYou are"),
        TOOLS,
        Recognised("openclaw", None, False),
    ),
    Case(
        "pydantic-ai",
        agent("pydantic-ai/2.68.0"),
        ANSWERED,
        TOOLS,
        Recognised("pydantic-ai", None, False),
    ),
    Case(
        "openai-agents",
        agent("Agents/Python 0.24.0"),
        ANSWERED,
        TOOLS,
        Recognised("openai-agents", None, False),
    ),
    Case(
        "langgraph-is-not-told-apart",
        PYTHON | {"x-stainless-raw-response": "true"},
        ANSWERED,
        TOOLS,
        Recognised("openai-sdk", None, False),
    ),
    Case(
        "langchain-js",
        agent("langchainjs-openai/1.0.0 ((node/v20.20.2; linux; x64))"),
        ASKED,
        None,
        Recognised("langchain-js", None, False),
    ),
    Case(
        "sillytavern",
        agent("node-fetch"),
        one(ANSWERED, "Write Ada's next reply in a fictional chat between Ada and User."),
        None,
        Recognised("sillytavern", None, False),
    ),
    Case(
        "home-assistant",
        agent("AsyncOpenAI/Python 1.68.2"),
        one(
            ANSWERED,
            "Current time is 1.\nYou are a voice assistant for Home Assistant.",
            "developer",
        ),
        TOOLS,
        Recognised("home-assistant", None, False),
    ),
    Case(
        "anthropic-library",
        agent("Anthropic/Python 2.14.0"),
        ASKED,
        None,
        Recognised("anthropic-sdk", None, False),
    ),
    Case(
        "asynchronous-library",
        agent("AsyncOpenAI/Python 2.20.0"),
        ASKED,
        None,
        Recognised("openai-sdk", None, False),
    ),
    Case(
        "nanobot",
        agent("python-httpx/0.28") | {"x-session-affinity": "process"},
        ASKED,
        TOOLS,
        Recognised("unknown", "process", False),
    ),
    Case(
        "llama-server-page",
        agent("Mozilla/5.0") | {"x-conversation-id": "c"},
        ASKED,
        None,
        Recognised("unknown", "c", False),
    ),
    Case(
        "empty-session",
        {"x-session-id": "", "session-id": "s"},
        ASKED,
        None,
        Recognised("unknown", "s", False),
    ),
    Case("says-nothing", {}, ASKED, None, Recognised("unknown", None, False)),
    Case("no-messages", {}, [], None, Recognised("unknown", None, False)),
    Case(
        "name-of-a-client-in-the-text",
        {},
        [user("You are Hermes Agent")],
        None,
        Recognised("unknown", None, False),
    ),
]


@pytest.mark.parametrize("case", CLIENTS, ids=lambda case: case.id)
def test_a_client_is_recognised(case: Case) -> None:
    assert profile_of(case.headers, request_of(case)) == case.expected


HEADS = [
    pytest.param([], (), id="nothing"),
    pytest.param([user("x"), system("y")], (), id="only-in-front"),
    pytest.param(
        [system(" x"), {"role": "developer", "content": "y"}, user("z")], ("x", "y"), id="two"
    ),
    pytest.param([system([block("x"), {"type": "image"}, block("y")])], ("x", "y"), id="parts"),
    pytest.param([system(None)], ("",), id="null"),
    pytest.param([system("x" * 999)], ("x" * 200,), id="long"),
]


@pytest.mark.parametrize(("messages", "expected"), HEADS)
def test_the_heads_are_those_of_leading_system_texts(
    messages: list[Json], expected: tuple[str, ...]
) -> None:
    assert system_heads(prompt_of(messages).messages) == expected


def test_a_text_is_that_of_all_parts() -> None:
    (message,) = prompt_of([user([block("x"), {"type": "image"}, block("y")])]).messages

    assert text(message) == "x\ny"


def test_profiles_are_told_apart() -> None:
    names = [profile.name for profile in (*PROFILES, generic.PROFILE)]

    assert len(set(names)) == len(names)
    for profile in PROFILES:
        texts = profile.system_starts or profile.system_pattern
        assert profile.user_agents or profile.headers or texts
        assert all(name == name.lower() for name in (*profile.headers, *profile.session_headers))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_what_is_recommended_is_a_rule_for_this_client_that_is_off_by_default(
    profile: Profile,
) -> None:
    off = {rule.name for rule in MEMORY_RULES if rule.risk is Risk.MEANING}

    for name in profile.recommended:
        client, _, rule = name.partition(":")
        assert client == profile.name
        assert rule in off
