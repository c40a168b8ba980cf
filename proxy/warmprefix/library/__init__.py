"""What other programs may use of warmprefix, without a proxy and without a backend: docs/library.md.

`import warmprefix` has these names too, and loads this room only if one of them is asked for.
"""

from warmprefix.core.errors import NotUnderstood
from warmprefix.library.breaks import Break, explain
from warmprefix.library.canonical import canonicalize
from warmprefix.library.ledger import Ledger, Prepared

__all__ = ["Break", "Ledger", "NotUnderstood", "Prepared", "canonicalize", "explain"]
