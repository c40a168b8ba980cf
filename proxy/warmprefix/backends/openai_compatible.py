"""Any other server that speaks the OpenAI API."""

from warmprefix.backends.llamacpp import LlamaCpp


class OpenAiCompatible(LlamaCpp):
    """Takes requests as they are; nothing is known of its slots or its template."""

    name = "openai-compatible"
