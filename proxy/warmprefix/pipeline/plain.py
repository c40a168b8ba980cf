"""The place of a plain prompt: a text that no template renders. Nothing of it is ever written otherwise."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from warmprefix.aside import Run
from warmprefix.core.identity.plain import line_keys, long_lines
from warmprefix.core.memory.ledger import Conversation, Found, Place
from warmprefix.core.memory.plain import (
    Known,
    Plain,
    ancestry_of,
    kind_behind,
    known,
    place_of,
    plain,
)
from warmprefix.core.messages import plain_text, written
from warmprefix.core.types import Kind, Prompt
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.stages import Placed, Understood

Find = Callable[[Sequence[bytes], list[str]], Awaitable[Found]]


async def place_plain(
    understood: Understood,
    run: Run,
    find: Find,
    recent: Recent,
    forget: Callable[[Conversation | None], None],
) -> Placed:
    """A request with a plain prompt, and its place. Its prompt is cut where earlier ones ended. `forget`: a
    conversation that has gone on at another proxy; `run`: does what takes time."""
    request, came = understood.request, understood.came
    text = await run(_looked_up, request.prompt, understood.scope)
    found = await find(text.keys, came.failed_open)
    remembered = await run(known, text, found)
    prompt = replace(request.prompt, messages=remembered.messages)
    request = replace(request, prompt=prompt)
    came = replace(came, request=request)
    from_ = ancestry_of(remembered, found)
    forget(from_.conversation)
    before = _before(from_.conversation, remembered, recent)
    where = place_of(remembered, from_, before, came.turn)
    if where.kind in (Kind.COLD, Kind.EDIT) and not came.client.side:
        where = _behind_another_beginning(text, recent) or where
    return Placed(
        came=came,
        understood=replace(understood, came=came, request=request),
        canonical=prompt,
        received=prompt.messages,
        client=prompt.messages,
        alignment=None,
        rules=(),
        keys=remembered.keys,
        ancestry=from_,
        head=b"",
        place=where,
        before=before,
        is_side=came.client.side,
    )


def _looked_up(prompt: Prompt, root: bytes) -> Plain:
    return plain(plain_text(prompt), root)


def _before(last: Conversation | None, remembered: Known, recent: Recent) -> Conversation | None:
    """A conversation as of the turn that a text goes on from; else as of its last turn."""
    turn = None if last is None else recent.get(last.id, remembered.keys)
    if turn is None or turn.state is None or turn.tip not in remembered.keys:
        return last
    return turn.state


def _behind_another_beginning(text: Plain, recent: Recent) -> Place | None:
    """The place of a text that goes on from one that began otherwise; None if it does not."""
    last = recent.by_landmark(line_keys(text.text, text.root)[::-1])
    if last is None or last.reply is None or not last.prompt.is_plain:
        return None
    before = plain_text(last.prompt)
    line = long_lines(before)[-1]  # by which it was found
    kind = kind_behind(text.text, before, line, written(last.reply).decode())
    if kind is None:
        return None
    return Place(last.conversation, last.index + 1, last.turn, kind, 0)
