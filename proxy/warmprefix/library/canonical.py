"""The canonical form of one body, without memory."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

from warmprefix.dialects.canonical_body import canonicalize_body
from warmprefix.library.bodies import DialectName, Json, dialect_named, like, to_bytes
from warmprefix.library.settings import config_of
from warmprefix.pipeline.rulesets import RuleSets
from warmprefix.profiles import profile_of


@overload
def canonicalize(
    body: bytes,
    *,
    dialect: DialectName = ...,
    enable: Sequence[str] = ...,
    disable: Sequence[str] = ...,
) -> bytes: ...
@overload
def canonicalize(
    body: Mapping[str, Any],
    *,
    dialect: DialectName = ...,
    enable: Sequence[str] = ...,
    disable: Sequence[str] = ...,
) -> Json: ...
def canonicalize(
    body: bytes | Mapping[str, Any],
    *,
    dialect: DialectName = "chat_completions",
    enable: Sequence[str] = (),
    disable: Sequence[str] = (),
) -> bytes | Json:
    """The canonical form of a request body: what says the same to the model becomes the same bytes.

    Bytes give bytes, a dict gives a dict. `enable` and `disable` name rules (docs/rules.md). Rules that
    need memory do nothing here: a `Ledger` has them.

    Raises NotUnderstood if the body is no request of the dialect, ValueError for an unknown name, and TypeError
    for a body that is neither bytes nor a dict.

    >>> canonicalize({"messages": [{"role": "assistant", "content": "Yes. ", "tool_calls": []},
    ...                            {"role": "user", "content": "Why?"}]})
    {'messages': [{'role': 'assistant', 'content': 'Yes.'}, {'role': 'user', 'content': 'Why?'}]}
    """
    spoken = dialect_named(dialect)
    sets = RuleSets(config_of(enable, disable).canonicalize)
    before = to_bytes(body)
    found = canonicalize_body(
        before, rules=lambda request: sets.of(profile_of({}, request).client).rules, dialect=spoken
    )
    return like(body, before, found.body)
