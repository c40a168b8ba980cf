"""The kinds of backend, by their configuration name."""

from proxy.backends.base import Kind
from proxy.backends.lemonade import Lemonade
from proxy.backends.llamacpp import LlamaCpp
from proxy.backends.openai_compatible import OpenAiCompatible

KINDS: dict[str, Kind] = {kind.name: kind for kind in (LlamaCpp(), Lemonade(), OpenAiCompatible())}
