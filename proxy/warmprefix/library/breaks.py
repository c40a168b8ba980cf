"""Where the prompt of one request leaves that of another, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.cache_break import explain as explain_break
from warmprefix.core.explain.difference import first_difference
from warmprefix.core.explain.evidence import Evidence
from warmprefix.core.types import CacheStats, Reply
from warmprefix.dialects.base import Dialect, NoMemory
from warmprefix.library.bodies import DialectName, dialect_named, to_bytes
from warmprefix.library.settings import config_of
from warmprefix.library.turns import Turns
from warmprefix.pipeline.in_force import in_force
from warmprefix.pipeline.stages import Written
from warmprefix.profiles.volatile import explained_patterns

_NOT_COUNTED = CacheStats()
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Break:
    """The first position at which a prompt leaves the one before: all behind it is evaluated again.

    `path`: the value that differs, as in `messages[2].content`; None if the texts go on and only the backend's
    counts show a break. `offset`: characters into that value. `cause`: one of those in docs/reference.md.
    `before`, `after`: excerpts around the change, None if there is no such value. `cured_by`: what of
    warmprefix takes the difference away with these rules, by name; empty if nothing does. `hint`: what else
    would, or why nothing can; `setting`: lines for the settings file that do it, None if it is no setting of
    warmprefix. `tokens_lost`: by the backend's own counts, None if there are none.
    """

    path: str | None
    offset: int | None
    cause: str
    before: str | None
    after: str | None
    cured_by: tuple[str, ...]
    hint: str
    setting: str | None
    tokens_lost: int | None = None


def explain(
    before: bytes | Mapping[str, Any],
    after: bytes | Mapping[str, Any],
    *,
    dialect: DialectName = "chat_completions",
    enable: Sequence[str] = (),
    disable: Sequence[str] = (),
) -> Break | None:
    """Why a backend that has evaluated `before` cannot use all of it for `after`; None if it can.

    Both are request bodies, bytes or dicts. What a template sees of them is compared, as the client sends it.
    `enable` and `disable` name rules, whose effect is in `cured_by`.

    Raises NotUnderstood if a body is no request of the dialect, ValueError for an unknown name, and TypeError
    for a body that is neither bytes nor a dict.

    >>> def asked(time):
    ...     clock = {"role": "system", "content": f"Be brief. Current time: {time}"}
    ...     return {"messages": [clock, {"role": "user", "content": "Hello"}]}
    >>> found = explain(asked("10:41:07"), asked("10:42:55"))
    >>> found.path, found.offset, found.cause
    ('messages[0].content', 28, 'clock')
    >>> print(found.setting)
    [canonicalize]
    enable = ["freeze-volatile"]
    """
    spoken = dialect_named(dialect)
    config = config_of(enable, disable, reasoning=True)
    turns = Turns(config, _NO_LIMIT, observe=True)
    first = turns.prepare(spoken, to_bytes(before))
    second = _after(turns, first, spoken, to_bytes(after))
    if first is None or second is None:
        raise RuntimeError("a part of warmprefix failed; its log has the traceback")
    alignment = second.placed.alignment
    found = explain_break(
        second.place.kind.value,
        first.sent,
        len(first.sent.messages),
        _NOT_COUNTED,
        second.sent,
        _NOT_COUNTED,
        Evidence(change=alignment.change if alignment is not None else None),
        explained_patterns(),
        in_force(config)(second.came.client.client),
    )
    return None if found is None else break_of(found, _cured_by(first, second))


def _after(turns: Turns, first: Written | None, dialect: Dialect, body: bytes) -> Written | None:
    """The second request, once the first was answered. Its history has the answer: the message of the assistant
    that stands behind as many messages as were sent before. Without one nothing shows that a text ticks."""
    messages = dialect.parse(body, NoMemory(dialect)).prompt.messages
    if first is not None:
        answer = messages[len(first.sent.messages) :][:1]
        said = answer[0] if answer and answer[0].role == "assistant" else None
        turns.remember(first, Reply(message=said))
    return turns.prepare(dialect, body)


def break_of(found: CacheBreak, cured_by: tuple[str, ...] = ()) -> Break:
    """A break as programs read it."""
    hint = found.hint
    is_ours = hint.where == "setting" and (hint.paste or "").startswith("[")
    return Break(
        path=found.path,
        offset=found.offset,
        cause=found.cause,
        before=found.before,
        after=found.after,
        cured_by=cured_by,
        hint="warmprefix takes this difference away" if cured_by else hint.text,
        setting=hint.paste if is_ours and not cured_by else None,
        tokens_lost=found.tokens_lost,
    )


def _cured_by(first: Written, second: Written) -> tuple[str, ...]:
    """What acts on the two prompts, if one goes on from the other once it has acted."""
    if first_difference(first.ours, second.ours) is not None:
        return ()
    return tuple(dict.fromkeys((*first.rules, *second.rules, *second.restored)))
