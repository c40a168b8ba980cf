"""The kinds of backend.

A new one takes a file of its own that ends in `KIND`, a test table, and a line in `KINDS`.
"""

from warmprefix.backends import (
    lemonade,
    llamacpp,
    lm_studio,
    mlx,
    ollama,
    openai_compatible,
    sglang,
    vllm,
)
from warmprefix.backends.base import Kind

OTHER = openai_compatible.KIND
"""The kind of a backend that no mark recognises, or that is not known yet."""

KINDS: tuple[Kind, ...] = (
    lemonade.KIND,
    llamacpp.KIND,
    vllm.KIND,
    sglang.KIND,
    mlx.KIND,
    lm_studio.KIND,
    ollama.KIND,
    OTHER,
)
"""Every kind, in the order in which an unknown backend is asked for their marks."""


def kind_named(name: str) -> Kind | None:
    """The kind of that name; None for "auto", or any other name."""
    return next((kind for kind in KINDS if kind.name == name), None)
