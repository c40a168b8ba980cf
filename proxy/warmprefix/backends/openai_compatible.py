"""Any other server that speaks the OpenAI API."""

from warmprefix.backends.base import Kind

KIND = Kind(name="openai-compatible", can=frozenset())
"""It takes requests as they are, and is asked nothing: not everyone knows llama-server's own pages."""
