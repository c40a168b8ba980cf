"""The kinds of backend, by their configuration name."""

from warmprefix.backends.base import Kind
from warmprefix.backends.lemonade import Lemonade
from warmprefix.backends.llamacpp import LlamaCpp
from warmprefix.backends.openai_compatible import OpenAiCompatible

KINDS: dict[str, Kind] = {kind.name: kind for kind in (LlamaCpp(), Lemonade(), OpenAiCompatible())}
