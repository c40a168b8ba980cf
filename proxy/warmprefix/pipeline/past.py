"""A conversation's last turn, read back from the ledger: after a restart, if it is no longer in `Recent`, or if
another proxy had it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from warmprefix.core.identity.keys import Identifier
from warmprefix.core.memory.alignment import History
from warmprefix.core.memory.ledger import Conversation, Past, goes_on
from warmprefix.core.memory.trail import history
from warmprefix.core.types import CacheStats, Message, Prompt
from warmprefix.core.wire.slices import write_array
from warmprefix.dialects.base import Request
from warmprefix.pipeline.recent import Last
from warmprefix.pipeline.stages import Understood

Parse = Callable[[bytes], Message]


def goes_on_alike(keys: Sequence[bytes], last: Conversation, prompt: Prompt) -> bool:
    """Whether a request is that of a conversation's last turn with something added."""
    if [tool.definition for tool in prompt.tools or ()] != list(last.tools):
        return False
    return dict(prompt.template_options) == dict(last.options) and goes_on(keys, last)


def last_of(
    past: Past,
    understood: Understood,
    parse: Parse,
    strict: Identifier,
    identifier: Identifier,
) -> Last | None:
    """The last turn; None if the beginning of its path is forgotten. `strict`: the identifier of replies;
    `identifier`: of the client's rules. Raises NotUnderstood."""
    trail, conversation, scope = past.trail, past.conversation, understood.scope
    if not past.path or past.path[0].parent != scope or past.path[-1].id != trail.leaf:
        return None
    held = tuple(parse(node.raw) for node in past.path)
    count = len(held) - trail.is_reply
    sent, reply = held[:count], held[-1] if trail.is_reply else None
    client, ours = history(trail.client, sent, parse), history(trail.ours, sent, parse)
    prompt = _prompt(past, sent, understood.request)
    is_elsewhere = past.number is not None
    return Last(
        conversation=conversation.id,
        turn=trail.turn,
        index=trail.index if is_elsewhere else conversation.turns - 1,
        number=past.number or 0,
        prompt=prompt,
        stats=CacheStats(
            prompt_tokens=trail.prompt_tokens,
            cached_tokens=trail.cached_tokens,
            generated_tokens=trail.generated_tokens,
        ),
        model=conversation.model,
        asked_model=understood.request.model,  # by what name it was asked for then is not known
        generation=0,
        landmarks=strict.reply_keys(held, scope),
        session=None if trail.is_side else conversation.session,
        reply=reply,
        state=_state(past, count),
        backend=conversation.backend,
        scope=scope,
        history=History(client, ours, reply, trail.undone, trail.restless, _read(past, count)),
        is_side=trail.is_side,
        head=identifier.head_of(prompt) if is_elsewhere else b"",
        outlived=trail.outlived,
        start=trail.start if is_elsewhere else None,
        is_read_back=not (is_elsewhere and trail.start),
    )


def _read(past: Past, count: int) -> int | None:
    """How many of the messages that were sent stand up to the last reply of a model; None if it sent none in
    these bytes."""
    replies = (at for at in range(count, 0, -1) if past.path[at - 1].generated)
    return next(replies, None)


def _state(past: Past, count: int) -> Conversation:
    """The conversation as it was after the turn, in which so many messages were sent."""
    path, trail = past.path, past.trail
    return replace(
        past.conversation,
        turn=trail.turn,
        tip=path[count - 1].key,
        messages=count,
        reply=path[-1].key if trail.is_reply else None,
    )


def _prompt(past: Past, sent: tuple[Message, ...], request: Request) -> Prompt:
    """The prompt of the turn. If housekeeping has come behind it, its tools and options are not known: those of
    the request then stand for them."""
    last = past.conversation
    if past.trail.turn != last.turn:
        return Prompt(sent, request.prompt.tools, request.prompt.template_options)
    packed = write_array(last.tools)
    return Prompt(sent, request.dialect.parse_tools(packed) or None, last.options)
