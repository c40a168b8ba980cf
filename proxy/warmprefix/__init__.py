"""warmprefix: a reverse proxy that keeps a local model's prompt cache warm.

For programs: `canonicalize`, `explain` and `Ledger` (docs/library.md). What they need is imported when one of
them is asked for, so that `import warmprefix` costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warmprefix.library import Break, Ledger, NotUnderstood, Prepared, canonicalize, explain

__version__ = "0.2.0"

__all__ = [
    "Break",
    "Ledger",
    "NotUnderstood",
    "Prepared",
    "__version__",
    "canonicalize",
    "explain",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from warmprefix import library

    found = globals()[name] = getattr(library, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
