"""`POST /v1/chat/completions` and its twins."""

from warmprefix.dialects.chat_completions.dialect import CHAT

__all__ = ["CHAT"]
