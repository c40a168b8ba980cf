"""What a user says is volatile: patterns of text, and marks of blocks.

The patterns are run by RE2, whose time grows with the text alone, whatever the pattern: one that somebody
writes by hand must not be able to stop the proxy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import re2
from pydantic import AfterValidator, ValidationInfo

from warmprefix.config.checks import nearest, quoted

Use = Literal["freeze", "move", "strip"]


def known_client(name: str, info: ValidationInfo) -> str:
    """The name. If the context of the check has rules under clients' names, it must be one of those."""
    known = {rule.partition(":")[0] for rule in info.context or () if ":" in rule}
    if name and known and name not in known:
        raise ValueError(f"no client is called {quoted(name)}{nearest(name, known)}")
    return name


def checked_pattern(pattern: str) -> str:
    """The pattern, if RE2 can read it."""
    compiled(pattern)
    return pattern


Client = Annotated[str, AfterValidator(known_client)]
Pattern = Annotated[str, AfterValidator(checked_pattern)]


@dataclass(frozen=True, slots=True)
class VolatileText:
    """`[[canonicalize.volatile]]`: text that changes by itself."""

    name: str
    """What it is called."""
    pattern: Pattern
    """Where it is, as a regular expression of RE2: no look-around, no back-references. (?m) at the start
    makes ^ and $ match at lines.
    """
    example: str
    """A text in which the pattern is found; it is checked at the start."""
    use: Use = "freeze"
    """freeze: keep the text first seen in a conversation; move: say the current one at the end of the
    newest user turn; strip: leave it out.
    """
    client: Client = ""
    """The only client whose requests it is looked for in. Empty: all."""

    def __post_init__(self) -> None:
        """Check the pattern by its example."""
        if compiled(self.pattern).sub("", self.example) == self.example:
            raise ValueError(f"pattern is not found in the example, {quoted(self.example)}")
        if compiled(self.pattern).sub("", "") != compiled(self.pattern).sub("x", ""):
            raise ValueError("pattern is found in an empty text, so it would be found anywhere")


@dataclass(frozen=True, slots=True)
class TransientBlock:
    """`[[canonicalize.transient]]`: a block that is only in the newest user turn."""

    name: str
    """What it is called."""
    opens: str
    """The mark that it begins with."""
    closes: str
    """The mark that it ends with."""
    example: str
    """A text with such a block in it; it is checked at the start."""
    client: Client = ""
    """The only client whose requests it is looked for in. Empty: all."""

    def __post_init__(self) -> None:
        """Check the marks by the example."""
        if not self.opens or not self.closes:
            raise ValueError("opens and closes must not be empty")
        _, opening, rest = self.example.partition(self.opens)
        if not opening or self.closes not in rest:
            raise ValueError(f"the example, {quoted(self.example)}, has no such block")


class Compiled:
    """A pattern of RE2 that leaves text alone which is no valid Unicode, as RE2 reads UTF-8."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern

    def sub(self, repl: str, string: str, /) -> str:
        """The text with something else in the place of every match."""
        try:
            found: str = self._pattern.sub(repl, string)
        except UnicodeEncodeError:
            return string
        return found

    def finditer(self, string: str, /) -> Iterable[Sequence[str]]:
        """The matches in order; the first element of each is its text."""
        try:
            return [(found.group(0),) for found in self._pattern.finditer(string)]
        except UnicodeEncodeError:
            return ()


@cache
def compiled(pattern: str) -> Compiled:
    """The pattern, ready to run; raises ValueError if RE2 cannot read it."""
    options = re2.Options()
    options.log_errors = False
    try:
        return Compiled(re2.compile(pattern, options))
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(said) from None
    except UnicodeEncodeError:
        raise ValueError("is no valid Unicode") from None
