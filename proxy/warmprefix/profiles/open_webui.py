"""Open WebUI (source read at 0.12.4). It names itself only by headers that an administrator must turn on."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "open-webui",
    headers=("x-openwebui-chat-id", "x-openwebui-user-id"),
    session_headers=("x-openwebui-chat-id",),
    # Its frame around what it has looked up for a question begins like its tasks.
    side=re.compile(r"(?s)\A\s*### Task:(?!.*<context>)"),
)
