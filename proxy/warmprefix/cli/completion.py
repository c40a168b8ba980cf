"""What a shell may complete besides the names of commands and options."""

from collections.abc import Iterable, Iterator


def clients(incomplete: str) -> Iterator[str]:
    """Names of clients that have a recipe."""
    from warmprefix.connect.recipes import recipes

    return beginning(incomplete, (one.name for one in recipes()))


def rules(incomplete: str) -> Iterator[str]:
    """Names of rules, for all clients or one."""
    from warmprefix.profiles import rule_names

    return beginning(incomplete, sorted(rule_names()))


def settings(incomplete: str) -> Iterator[str]:
    """Paths of settings."""
    from warmprefix.config.schema import KEYS

    return beginning(incomplete, KEYS)


def beginning(incomplete: str, names: Iterable[str]) -> Iterator[str]:
    """Those of the names that begin with what is typed."""
    return (name for name in names if name.startswith(incomplete))
