"""Any client: the session headers and side requests that several share."""

import re

from proxy.profiles.base import Profile

PROFILE = Profile(
    "unknown",
    # Lemonade reads most of these too (server.cpp:914-985).
    session_headers=(
        "x-session-affinity",
        "x-session-id",
        "x-client-session-id",
        "session-id",
        "thread-id",
        "x-conversation-id",
        "x-openwebui-chat-id",
    ),
    side=re.compile(
        r"(?i)\bgenerate\b[^.\n]{0,40}\btitles?\b|title generator|autocompletion system"
    ),
)
