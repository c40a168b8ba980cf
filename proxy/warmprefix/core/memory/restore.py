"""Puts remembered bytes back: for each message that is recognised, what the backend holds.

The bytes are those that the conversation sent or got before (ancestry.py), as long as they continue what the
backend holds (continuation.py). Reasoning that the client changed is sent as the client has it. Reasoning that
it dropped is put back only if so decided (`reasoning`); the rest of the remembered bytes is put back anyway.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from warmprefix.core.explain.saving import shown
from warmprefix.core.identity.keys import visible_text
from warmprefix.core.identity.reasoning import (
    reasoning_of,
    same_reasoning,
    split_reasoning,
    text_of,
)
from warmprefix.core.identity.transient import Block, without_blocks
from warmprefix.core.memory.continuation import Continuation
from warmprefix.core.memory.ledger import Node
from warmprefix.core.messages import changed, written
from warmprefix.core.types import Message, ResultPart, ToolCall
from warmprefix.core.wire.slices import compact
from warmprefix.core.wire.value import is_value

_EDGES = " \t\r\n"
Parse = Callable[[bytes], Message]
Ids = Mapping[str | None, str | None]


@dataclass(frozen=True, slots=True)
class How:
    """`parse` reads the bytes of a node; `reasoning`: put dropped reasoning back; `blocks`: user turns were
    recognised without such transient blocks; `received`: the messages before canonicalization;
    `continuation`: what the backend holds, used for one walk; `names`: put the names of tool results back."""

    parse: Parse
    reasoning: bool
    blocks: Sequence[Block] = ()
    received: Sequence[Message] = ()
    continuation: Continuation = field(default_factory=Continuation)
    names: bool = True


@dataclass(frozen=True, slots=True)
class Restored:
    """Messages to send, and the names of what was put back, in the order of first use.

    `nodes`: the node of each message, None if it is not sent as it was before.
    """

    messages: tuple[Message, ...]
    names: tuple[str, ...]
    nodes: tuple[Node | None, ...]


def restore(
    messages: Sequence[Message],
    keys: Sequence[bytes],
    nodes: Mapping[bytes, Node],
    how: How,
) -> Restored:
    """The messages, with remembered bytes if they are recognised. `keys`: the chain key of each."""
    sent: list[Message] = []
    same: list[Node | None] = []
    names: dict[str, None] = {}
    ids: Ids = {}
    leaf = max((at for at, key in enumerate(keys) if key in nodes), default=-1)
    replies = [at for at, message in enumerate(messages) if message.role == "assistant"]
    last_reply = max(replies, default=-1)
    # Only the reply that was generated behind a message shows that it was not edited since.
    last_known = max((at for at in replies if at <= leaf), default=-1)
    for at, (message, key) in enumerate(zip(messages, keys, strict=True)):
        node = nodes.get(key)
        ours = theirs = _with_edges(message, at, how)
        is_held = node is not None and message.raw == node.raw
        if is_held and not message.opaque:
            ours = message
        elif node is not None and not message.opaque:
            behind = _Behind(any=at < last_reply, known=at < last_known)
            ours = _restored(message, theirs, node, how, behind)
        result = ours
        if ours is not theirs:
            was_sent = node is not None and (at < leaf or not node.generated)
            rest = partial(_characters, messages, at + 1, leaf + 1)
            result = how.continuation.choose(sent, ours, theirs, was_sent=was_sent, behind=rest)
        if message.tool_calls and _has_opaque_result(messages, at):
            result = _with_ids_of(result, message)
        if message.results:
            result = _with_id(result, message, ids)
        if result is not message and result not in (theirs, message):
            names[_name(message, result)] = None
        if message.role == "assistant":
            ids = _new_ids(message.tool_calls, result.tool_calls) if message.tool_calls else {}
        sent.append(result)
        if not (is_held and result is message):
            node = node if node is not None and _is_same(result, node, how.parse) else None
        same.append(node)
    return Restored(_as_received(sent, how.received), tuple(names), tuple(same))


def _characters(messages: Sequence[Message], first: int, end: int) -> int:
    return sum(len(shown(messages[at])) for at in range(first, end))


def _is_same(message: Message, node: Node, parse: Parse) -> bool:
    return message.raw == node.raw or message == parse(node.raw)


@dataclass(frozen=True, slots=True)
class _Behind:
    """Whether any reply stands behind a message, and one that is remembered."""

    any: bool
    known: bool


def _restored(message: Message, theirs: Message, node: Node, how: How, behind: _Behind) -> Message:
    """`theirs`: the message with the edges that it came with."""
    own = written(message)
    if own == node.raw or compact(own) == compact(node.raw):
        return message
    remembered = how.parse(node.raw)
    if not behind.known and _visible(message) != _visible(remembered):
        # Only an opt-in rule recognised it: a new turn goes as it came, and so does one that may be edited.
        was = without_blocks(_visible(remembered), how.blocks)
        if not (behind.any and how.blocks and was == _visible(message)):
            return message
    if how.blocks and message.role == "user" and _has_blocks(message, how.blocks):
        return message
    if message.role != "assistant":
        # Only a reply has reasoning that a model generated and a client may drop.
        if message.reasoning != remembered.reasoning:
            return message
        is_named = how.names or message.name == remembered.name
        return remembered if is_named else _named_as(remembered, message)
    result = _assistant(theirs, remembered, how.reasoning and node.generated)
    return message if result == message else result


def _named_as(remembered: Message, message: Message) -> Message:
    """A result with the name that the client gives it, or none."""
    name = message.name
    shape = remembered.shape
    gone = () if name is not None or shape is None else (shape.names.name,)
    keys = tuple(key for key in remembered.keys if key not in gone)
    return changed(remembered, name=name, keys=keys)


def _visible(message: Message) -> str:
    return visible_text(message.role, text_of(message))


def _has_blocks(message: Message, blocks: Sequence[Block]) -> bool:
    """Whether a user turn came with transient blocks, which the client then did not drop."""
    text = text_of(message)
    return without_blocks(text, blocks) is not text and text != ""


def _assistant(message: Message, remembered: Message, put_back: bool) -> Message:
    own = reasoning_of(remembered)
    in_field = message.reasoning or ""
    if in_field.strip():
        is_whole = same_reasoning(in_field, own)
    else:
        in_text = split_reasoning(text_of(message)).reasoning
        # A template may keep reasoning in the text and drop reasoning in the field.
        is_whole = same_reasoning(in_text, own) and (put_back or not own.strip())
        is_whole = is_whole or (put_back and not in_text.strip())
    if not is_whole:
        # The client's own reasoning, or none. The prompt leaves the cache at the reasoning, so restoring the
        # edges of the text after it would only add tokens; the calls are still the model's.
        return changed(message, tool_calls=_calls(message, remembered))
    if _is_sound(remembered):
        return remembered
    return changed(remembered, tool_calls=message.tool_calls)


def _is_sound(message: Message) -> bool:
    """Whether its calls' arguments are JSON. Most templates answer 500 to anything else, so what the model got
    wrong and the client mended is not put back."""
    if message.shape is not None and not message.shape.names.has_text_arguments:
        return all((call.arguments_raw or b"").startswith(b"{") for call in message.tool_calls)
    return all(is_value(call.arguments or "") for call in message.tool_calls)


def _calls(message: Message, remembered: Message) -> tuple[ToolCall, ...]:
    return remembered.tool_calls if _is_sound(remembered) else message.tool_calls


def _with_edges(message: Message, at: int, how: How) -> Message:
    """A reply that is not remembered, with the edges of its text as the client sent them; a result with the
    name that the client gives it.

    The backend may still hold it as it was generated, edges included: a proxy that has lost its memory must
    not make worse what the client gives back unchanged.
    """
    theirs = how.received[at] if at < len(how.received) else message
    if message.results:
        return _with_name(message, _in_batch(how.received, at, message.tool_call_id))
    if message.role != "assistant":
        return message
    text = text_of(theirs)
    if not text or text == message.content:
        return message
    return changed(message, content=text) if text.strip(_EDGES) == message.content else message


def _with_name(message: Message, theirs: Message | None) -> Message:
    shape = message.shape
    if theirs is None or message.name is not None or theirs.name is None or shape is None:
        return message
    kept = {*message.keys, shape.names.name}
    keys = tuple(key for key in theirs.keys if key in kept)
    return changed(message, name=theirs.name, keys=keys)


def _in_batch(received: Sequence[Message], at: int, call_id: str | None) -> Message | None:
    """The result of that call, as it came: the results of one batch may have been put into another order."""
    for step in (1, -1):
        place = at if step > 0 else at - 1
        while 0 <= place < len(received) and received[place].results:
            if received[place].tool_call_id == call_id:
                return received[place]
            place += step
    return None


def _with_id(message: Message, given: Message, ids: Ids) -> Message:
    """The message with its results tied to the ids under which their calls are sent. `given`: as it came."""
    if given.opaque or not given.results:
        return message
    named = iter(given.results)
    parts = tuple(
        _tied(part, next(named, part), ids) if isinstance(part, ResultPart) else part
        for part in message.parts
    )
    if all(old is new for old, new in zip(message.parts, parts, strict=True)):
        return message
    is_named = any(isinstance(part, ResultPart) and part.call_id is not None for part in parts)
    name = "" if is_named or message.shape is None else message.shape.names.call_id
    keys = tuple(key for key in message.keys if key != name)
    return changed(message, parts=parts, keys=keys)


def _tied(result: ResultPart, given: ResultPart, ids: Ids) -> ResultPart:
    wanted = ids.get(given.call_id, result.call_id)
    return result if wanted == result.call_id else replace(result, call_id=wanted, raw=None)


def _has_opaque_result(messages: Sequence[Message], at: int) -> bool:
    """Whether a result of these calls is forwarded as it came, and so names the client's id."""
    for place in range(at + 1, len(messages)):  # no slice: it would copy the rest for each reply
        message = messages[place]
        if message.opaque:
            return True
        if message.logical_role != "tool":
            return False
    return False


def _with_ids_of(message: Message, given: Message) -> Message:
    """The message with its calls under the client's own ids."""
    pairs = zip(message.tool_calls, given.tool_calls, strict=True)  # one chain key, so many calls
    calls = tuple(
        ours if ours.id == theirs.id else replace(ours, id=theirs.id) for ours, theirs in pairs
    )
    return message if calls == message.tool_calls else changed(message, tool_calls=calls)


def _new_ids(given: Sequence[ToolCall], sent: Sequence[ToolCall]) -> Ids:
    return {mine.id: theirs.id for mine, theirs in zip(given, sent, strict=False)}


def _name(before: Message, after: Message) -> str:
    """A word for what was put back: the first thing that differs."""
    if before.tool_calls != after.tool_calls:
        old = [(call.arguments, call.arguments_raw) for call in before.tool_calls]
        new = [(call.arguments, call.arguments_raw) for call in after.tool_calls]
        return "arguments" if old != new else "ids"
    if before.tool_call_id != after.tool_call_id:
        return "ids"
    if before.reasoning != after.reasoning:
        return "reasoning"
    return "content" if before.content != after.content else "fields"


def _as_received(sent: Sequence[Message], received: Sequence[Message]) -> tuple[Message, ...]:
    """`sent`, with the client's own object for each message that ended up the same.

    What was stripped and then put back was not changed, so such a message goes out with its own bytes.
    """
    if len(sent) != len(received):
        return tuple(sent)
    pairs = zip(sent, received, strict=True)
    return tuple(
        theirs if ours is not theirs and ours == theirs else ours for ours, theirs in pairs
    )
