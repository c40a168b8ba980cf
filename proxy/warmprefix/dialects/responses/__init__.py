"""`POST /v1/responses`, OpenAI's, as llama-server and Lemonade speak it."""

from warmprefix.dialects.responses.dialect import RESPONSES

__all__ = ["RESPONSES"]
