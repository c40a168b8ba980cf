"""Replies that no model has given: a client writes them itself, around what it tells the model with a question.

"Ok, any changes I propose will be to those files." stands behind the files of a chat, and both move on with
each question. Such a reply is no anchor (anchors.py).
"""

from collections.abc import Sequence

from warmprefix.core.identity.keys import match_key
from warmprefix.core.memory.anchors import is_anchor, same_bytes
from warmprefix.core.memory.gap import is_other_form, is_same
from warmprefix.core.memory.written_calls import are_written_out
from warmprefix.core.types import Message


def moved_on(
    client: Sequence[Message], reply: Message | None, now: Sequence[Message]
) -> frozenset[bytes]:
    """Match keys of replies that stood in front of a question, and now stand behind the `reply` to it and
    nowhere else. `client`: the history with that question."""
    if reply is None:
        return _NONE
    behind: set[bytes] = set()
    # What stands where it stood before the question was answered is not the reply to it.
    for at in range(len(now) - 1, same_bytes(client, now) - 1, -1):
        message = now[at]
        if message.opaque or message.role != "assistant":
            continue
        if _is_given(reply, message):
            return frozenset(behind & _replies(client) - _replies(now[:at])) if behind else _NONE
        behind.add(match_key(message))
    return _NONE


def put_in(client: Sequence[Message], ours: Sequence[Message]) -> frozenset[bytes]:
    """Match keys of replies that `ours` has where the client does not: they were put back when it moved them
    on, or took them out."""
    given = list(filter(is_anchor, client))
    found: set[bytes] = set()
    at = 0
    for message in filter(is_anchor, ours):
        while found and at < len(given) and match_key(given[at]) in found:
            at += 1
        if at < len(given) and _is_given(message, given[at]):
            at += 1
        else:
            found.add(match_key(message))
    return frozenset(found)


_NONE: frozenset[bytes] = frozenset()


def _replies(messages: Sequence[Message]) -> set[bytes]:
    return {match_key(m) for m in messages if m.role == "assistant" and not m.opaque}


def _is_given(ours: Message, theirs: Message) -> bool:
    """Whether two anchors are one. Anything but a reply stays where it is."""
    if ours.opaque or ours.role != "assistant":
        return True
    if is_same(ours, theirs) or is_other_form(ours, theirs):
        return True
    return are_written_out(ours, theirs)
