"""Members of replies that a client gives back, for a backend that reads them although the API has none such."""

from collections.abc import Collection, Sequence

from warmprefix.core.messages import changed
from warmprefix.core.types import Message


def with_members(
    sent: Sequence[Message], received: Sequence[Message], names: Collection[str]
) -> tuple[Message, ...]:
    """`sent`, with those members of the replies that the client gave back under `names`.

    `received`: the messages as they came. A reply to which nothing else was done is the client's own object.
    The rules have dropped these members, so no message is recognised by them, and none is remembered.
    """
    if len(sent) != len(received):
        return tuple(sent)
    return tuple(_with(ours, theirs, names) for ours, theirs in zip(sent, received, strict=True))


def _with(ours: Message, theirs: Message, names: Collection[str]) -> Message:
    if ours is theirs or theirs.role != "assistant":
        return ours
    added = {key: raw for key, raw in theirs.extra.items() if key in names}
    if not added:
        return ours
    kept = {*ours.keys, *added}
    keys = (key for key in (*theirs.keys, *ours.keys) if key in kept)
    whole = changed(ours, extra={**ours.extra, **added}, keys=tuple(dict.fromkeys(keys)))
    return theirs if whole == theirs else whole
