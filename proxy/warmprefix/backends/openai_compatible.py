"""Any other server that speaks the OpenAI API."""

from warmprefix.backends.base import Kind

KIND = Kind(name="openai-compatible", can=frozenset())
"""It takes requests as they are. It is asked nothing, as it need not have llama-server's own pages."""
