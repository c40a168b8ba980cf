"""Any client: the session headers and side requests that several clients have in common."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "unknown",
    # Lemonade reads most of the first of these too (server.cpp:914-985); the others are those of clients, and
    # of routers and gateways that may stand before us.
    session_headers=(
        "x-session-affinity",
        "x-session-id",
        "x-client-session-id",
        "session-id",
        "thread-id",
        "x-conversation-id",
        "x-openwebui-chat-id",
        "x-claude-code-session-id",
        "x-opencode-session",
        "x-qwen-code-session-id",
        "x-amp-thread-id",
        "x-grok-conv-id",
        "x-litellm-session-id",
        "x-dynamo-session-id",
        "x-olla-session-id",
        "x-smg-routing-key",
        "x-multi-turn-session-id",
    ),
    side=re.compile(
        r"(?i)\bgenerate\b[^.\n]{0,40}\btitles?\b|title generator|autocompletion system"
        # Open WebUI's tasks (source read at 0.12.4); by default no header names the client.
        r"|\A\s*### Task:\s+(?:Generate (?:a concise|1-3 broad tags|a detailed prompt)"
        r"|(?:Predict|Suggest) 3-5 |Analyze the chat history)"
    ),
)
