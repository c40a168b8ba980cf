"""The first difference between two prompts, in the order in which templates render them.

Template options, then tools, then messages. A longer history is no difference: it went on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.identity.keys import match_key, tool_key
from warmprefix.core.identity.reasoning import split_reasoning
from warmprefix.core.identity.transient import without_blocks
from warmprefix.core.memory.anchors import is_anchor, is_user
from warmprefix.core.messages import all_written, written
from warmprefix.core.types import (
    Content,
    Message,
    Names,
    OpaquePart,
    Prompt,
    RawJson,
    Shape,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.slices import compact, elements, members
from warmprefix.core.wire.value import value_key

MOST_GONE = 200  # messages at once, that are looked for: a sliding window drops a few
_LEAST_KEPT = 8  # characters of a question: fewer stand in any text
_LEAST_CUT = 8
PLAIN_PATH = "prompt"
"""The path of a difference in a plain text."""

_BEHIND = 48
"""Characters that show that the text in front of them was dropped, if they stood further on before."""

_MUCH = 100
"""Fewer characters are not dropped to make room: somebody has changed a word."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` names the value, `offset` the character in its text. `before` or `after` is None if the value is
    missing there. `message`: the index of the message that holds it, if one does. `is_block`: if blocks are
    missing, whether they are of a kind that a rule knows."""

    path: str
    offset: int
    cause: str
    before: str | None
    after: str | None
    message: int | None = None
    is_block: bool = True


def first_difference(before: Prompt, after: Prompt) -> Difference | None:
    """The first difference; None if `after` goes on from `before`, or is a part or all of it."""
    return (
        _options(before.template_options, after.template_options)
        or _tools(before.tools or (), after.tools or ())
        or (_plain_texts if after.is_plain else _messages)(before.messages, after.messages)
    )


def _options(before: Mapping[str, RawJson], after: Mapping[str, RawJson]) -> Difference | None:
    for name in (*before, *(name for name in after if name not in before)):
        old, new = before.get(name), after.get(name)
        if not _same(old, new):
            return _texts(name, "template-option", _text(old), _text(new))
    return None


def _same(old: bytes | None, new: bytes | None) -> bool:
    """Whether two JSON texts are the same but for blanks between their tokens."""
    return old == new or (bool(old and new) and compact(old or b"") == compact(new or b""))


def _tools(before: Sequence[Tool], after: Sequence[Tool]) -> Difference | None:
    for at, (old, new) in enumerate(zip(before, after, strict=False)):
        if not _same(old.definition, new.definition):
            return _tool(at, old, new, before, after)
    if len(before) == len(after):
        return None
    at = min(len(before), len(after))
    old_text = before[at].definition if at < len(before) else None
    new_text = after[at].definition if at < len(after) else None
    return _texts(
        _tool_path(at, (*before, *after)[0]), "tool-set", _text(old_text), _text(new_text)
    )


def _tool(
    at: int, old: Tool, new: Tool, before: Sequence[Tool], after: Sequence[Tool]
) -> Difference:
    if old.name == new.name:
        path, ours, theirs = _innermost(_tool_path(at, new), old.definition, new.definition)
        return _texts(path, "tool-schema", _text(ours), _text(theirs))
    old_keys, new_keys = sorted(map(tool_key, before)), sorted(map(tool_key, after))
    cause = "tool-order" if old_keys == new_keys else "tool-set"
    return Difference(_tool_path(at, new), 0, cause, _text(old.definition), _text(new.definition))


def _tool_path(at: int, tool: Tool) -> str:
    array = "tools" if tool.shape is None else tool.shape.names.tools
    return f"{array}[{at}]"


def _innermost(path: str, old: bytes, new: bytes) -> tuple[str, bytes, bytes]:
    """The first member that differs, as deep as both are objects with the same names in the same order."""
    try:
        ours, theirs = members(old), members(new)
    except NotUnderstood:
        return path, old, new
    if list(ours) != list(theirs):
        return path, old, new
    pairs = ((name, old[slice(*ours[name])], new[slice(*theirs[name])]) for name in ours)
    for name, one, other in pairs:
        if compact(one) != compact(other):
            return _innermost(f"{path}.{name}", one, other)
    return path, old, new  # pragma: no cover - the caller has seen that they differ


def _messages(before: Sequence[Message], after: Sequence[Message]) -> Difference | None:
    texts = zip(all_written(before), all_written(after), strict=False)
    pairs = zip(before, after, strict=False)
    for at, ((old, new), (was, now)) in enumerate(zip(pairs, texts, strict=True)):
        if was != now:
            found = _message(message_path(after, at), old, new)
            if found is not None:
                found = _gone(before, after, at) or _cut_out(before, at, found)
                return replace(found, message=at)
    return None  # fewer messages: a part of what was sent, asked again


def _gone(before: Sequence[Message], after: Sequence[Message], at: int) -> Difference | None:
    """Whole messages that are missing from here on: what follows them has moved up into their place."""
    new, path = match_key(after[at]), message_path(after, at)
    found = range(at + 1, min(len(before), at + 1 + MOST_GONE))
    end = next((k for k in found if match_key(before[k]) == new), None)
    if end is None:
        return None
    rest = zip(before[end:], after[at:], strict=False)
    if any(match_key(old) != match_key(other) for old, other in rest):
        return None
    text = "\n".join(_plain(message.content) or "" for message in before[at:end])
    users = [index for index, message in enumerate(before) if message.role == "user"]
    is_turn = any(message.role == "assistant" for message in before[at:end])
    is_turn = is_turn or (is_anchor(after[at]) and any(map(is_user, before[at:end])))
    cause = "window" if is_turn and users and at <= users[0] else "transient-block"
    return Difference(path, 0, cause, text, None, is_block=False)


def _cut_out(before: Sequence[Message], at: int, found: Difference) -> Difference:
    """The same difference; as a transient block if the newest user message of then has lost a part of its text
    and is the same otherwise, whatever marks that part had."""
    old, new = found.before, found.after
    is_newest = before[at].role == "user" and not any(m.role == "user" for m in before[at + 1 :])
    is_text = found.cause == "edit" and old == _plain(before[at].content)
    if not is_text or not is_newest or not old or not new:
        return found
    text = new.strip()
    is_frame = len(text) >= _LEAST_KEPT and text in old
    kept = found.offset + shared_characters(old[::-1], new[::-1])
    is_cut = len(new) <= kept and len(old) - len(new) >= _LEAST_CUT
    return replace(found, cause="transient-block", is_block=False) if is_frame or is_cut else found


def _plain_texts(before: Sequence[Message], after: Sequence[Message]) -> Difference | None:
    """The first difference of two plain texts: `offset` counts from their start."""
    texts = [raw.decode() for raw in all_written(before)]
    old, new = "".join(texts), b"".join(all_written(after)).decode()
    at = shared_characters(old, new)
    if at in (len(old), len(new)):
        return None
    ends = accumulate(map(len, texts))
    cut = next(number for number, end in enumerate(ends) if at < end)
    return Difference(PLAIN_PATH, at, _plain_cause(old, new, at), old, new, cut)


def _plain_cause(old: str, new: str, at: int) -> str:
    """Why two plain texts part: what stands there now may have stood further on before."""
    ahead = new[at : at + _BEHIND]
    if len(ahead) == _BEHIND and old.find(ahead, at + _MUCH) > 0:
        return "window"
    was, now = old[at : at + _BEHIND].split(), ahead.split()
    whole = min(len(was), len(now)) - 1  # the last word may be cut
    return "whitespace" if whole > 0 and was[:whole] == now[:whole] else "edit"


def message_path(messages: Sequence[Message], at: int) -> str:
    """The path of one of these messages in a body of its dialect: a member beside the array, an element of the
    array, or several elements."""
    message = messages[at]
    assert message.shape is not None  # it was written
    names = message.shape.names
    if message.is_outside:
        return names.outside
    start = sum(_elements(other) for other in messages[:at] if not other.is_outside)
    end = start + _elements(message)
    return f"{names.array}[{start}]" if end == start + 1 else f"{names.array}[{start}:{end}]"


def _elements(message: Message) -> int:
    """How many elements of the array a message is; one if that cannot be found out."""
    try:
        return len(elements(b"[" + written(message) + b"]"))
    except NotUnderstood:
        return 1


def _message(path: str, old: Message, new: Message) -> Difference | None:
    """The first difference that a template can see: it is not given other members, nor the order of members,
    blanks and escapes (llama.cpp common/chat.cpp:380-462)."""
    if old.opaque or new.opaque or old.role != new.role or old.shape is not new.shape:
        if compact(written(old)) == compact(written(new)):
            return None
        return _texts(path, "edit", _text(written(old)), _text(written(new)))
    assert new.shape is not None  # it was written
    names = new.shape.names
    return (
        _content(path if new.is_outside else f"{path}.{names.content}", old, new)
        or _reasoning(f"{path}.{names.reasoning}", old, new)
        or _calls(f"{path}.{names.calls}", old, new, new.shape)
        or _named(path, old, new, names)
        or _order(path, old, new)
    )


def _content(path: str, old: Message, new: Message) -> Difference | None:
    one, other = _joined(old.content), _joined(new.content)
    if one == other:
        return None
    if isinstance(one, str) and isinstance(other, str):
        return _texts(path, _content_cause(old, one, other), one, other)
    return _texts(path, "edit", _plain(old.content), _plain(new.content))


def _joined(content: str | tuple[Content, ...] | None) -> str | tuple[Content, ...]:
    """Content as templates get it: text parts joined, no content as the empty text."""
    if not content:
        return ""
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, TextPart)]
    return "\n".join(texts) if len(texts) == len(content) else content


def _content_cause(message: Message, old: str, new: str) -> str:
    if old.split() == new.split():
        return "whitespace"
    if message.role == "user" and without_blocks(old).split() == new.split():
        return "transient-block"  # gone; one that only says something else is no such block
    if message.role == "assistant":
        one, other = split_reasoning(old).visible, split_reasoning(new).visible
        if one.split() == other.split():
            return "reasoning"
    return "edit"


def _reasoning(path: str, old: Message, new: Message) -> Difference | None:
    if old.reasoning == new.reasoning:
        return None
    return _texts(path, "reasoning", old.reasoning, new.reasoning)


def _calls(path: str, before: Message, after: Message, shape: Shape) -> Difference | None:
    old, new, names = before.tool_calls, after.tool_calls, shape.names
    for at, (one, other) in enumerate(zip(old, new, strict=False)):
        if one.name != other.name:
            return _texts(f"{path}[{at}].{names.call_name}", "edit", one.name, other.name)
        mine, theirs = _arguments(one, names), _arguments(other, names)
        if mine != theirs:
            same = value_key(mine or "") == value_key(theirs or "")
            cause = "arguments" if same else "edit"
            return _texts(f"{path}[{at}].{names.call_arguments}", cause, mine, theirs)
        if one.id != other.id:
            return _texts(f"{path}[{at}].id", "id", one.id, other.id)
    if len(old) == len(new):
        return None
    at = min(len(old), len(new))
    mine = _text(shape.write_call(old[at])) if at < len(old) else None
    theirs = _text(shape.write_call(new[at])) if at < len(new) else None
    return Difference(f"{path}[{at}]", 0, "edit", mine, theirs)


def _arguments(call: ToolCall, names: Names) -> str | None:
    """Arguments as text; of a value without the blanks between its tokens, which no template shows.

    A reply has them as text even if the endpoint takes a value of them.
    """
    if call.arguments_raw is not None:
        return _text(compact(call.arguments_raw))
    if names.has_text_arguments:
        return call.arguments
    return _text(compact((call.arguments or "{}").encode(errors="replace")))


def _named(path: str, old: Message, new: Message, names: Names) -> Difference | None:
    if old.tool_call_id != new.tool_call_id:
        return _texts(f"{path}.{names.call_id}", "id", old.tool_call_id, new.tool_call_id)
    if old.name != new.name:
        return _texts(f"{path}.{names.name}", "edit", old.name, new.name)
    return None


def _order(path: str, old: Message, new: Message) -> Difference | None:
    """A difference in the parts of a message other than its first result and its texts, or in their order."""
    if _frame(old) == _frame(new):
        return None
    return _texts(path, "edit", _text(written(old)), _text(written(new)))


def _frame(message: Message) -> list[object]:
    others = message.results[1:]
    kinds = [type(part) for part in message.parts if not isinstance(part, TextPart | OpaquePart)]
    return [kinds, *((result.call_id, _joined(result.parts)) for result in others)]


def _texts(path: str, cause: str, old: str | None, new: str | None) -> Difference:
    return Difference(path, shared_characters(old or "", new or ""), cause, old, new)


def _plain(content: str | tuple[Content, ...] | None) -> str | None:
    """Content as a person reads it; a picture is the JSON that came."""
    if content is None or isinstance(content, str):
        return content
    pieces = (p.text if isinstance(p, TextPart) else _text(p.raw) or "" for p in content)
    return "\n".join(pieces)


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="replace")
