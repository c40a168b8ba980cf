"""`POST /v1/messages`, Anthropic's, as llama-server and Lemonade speak it."""

from warmprefix.dialects.messages.dialect import MESSAGES

__all__ = ["MESSAGES"]
