"""What an observed turn would have cost if its prompt had been sent as the proxy would send it.

Texts are compared here, but tokens are counted by the backend, so the result is an estimate: characters are
converted to tokens at the turn's own ratio. It is never more than the backend really evaluated.

What templates do not show makes no difference: messages are compared in the form that the lossless
rules give them, without ids of calls, names of results and blanks in arguments (of 31 templates tried, only
Kimi-K2 and two of Mistral print ids, only Kimi-K2 names, none the blanks). Tools are compared byte for byte,
because some templates print them whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from warmprefix.core.canonical import run_on_message
from warmprefix.core.explain.prefix import same_head, shared_characters, shared_of_pieces
from warmprefix.core.memo import Memo
from warmprefix.core.messages import written
from warmprefix.core.rules import RULES
from warmprefix.core.types import (
    CacheStats,
    CallPart,
    Content,
    Message,
    OpaquePart,
    Part,
    Prompt,
    RawJson,
    ResultPart,
    Risk,
    TextPart,
    ToolCall,
)
from warmprefix.core.wire.slices import compact, is_json

_MEMO_BYTES = 16 * 1024 * 1024  # written messages, one generation, as in the canonicalizer
_PICTURE_BYTES = 1024 * 1024  # base64: what is larger is compared by its edges
_EDGE_BYTES = 1024
_UNSEEN = tuple(rule for rule in RULES if rule.risk is Risk.LOSSLESS)


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of a prompt the backend holds: whole messages, and characters of `total`.

    Characters are those of tools and messages as JSON, or of a plain text; none are shared if tools or template
    options differ. `held`: those of all that was held, 0 if none of it can be shared.
    """

    messages: int
    characters: int
    total: int
    held: int = field(default=0, compare=False)

    @property
    def left(self) -> int:
        """Characters after the shared ones."""
        return self.total - self.characters


@dataclass(frozen=True, slots=True)
class WouldSave:
    """What a turn would have saved. `tokens` is None if the backend reported no counts.

    `estimated` is false if no more would have been shared than was: then 0 is exact.
    `rules`, `restored`: what would have acted on the prompt.
    """

    tokens: int | None
    estimated: bool
    rules: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


def held(prompt: Prompt, reply: Message | None) -> Prompt:
    """What the backend holds after a turn: the prompt and what it generated."""
    return prompt if reply is None else replace(prompt, messages=(*prompt.messages, reply))


class Reaches:
    """Compares prompts. The text of a message is remembered by its bytes."""

    def __init__(self) -> None:
        self._memo: Memo[str] = Memo(_MEMO_BYTES)

    def of(self, before: Prompt | None, after: Prompt) -> Reach:
        """How much of `after` is the beginning of `before`; nothing if there is no `before`."""
        return self.of_each((before,), after)[0]

    def of_each(self, befores: Iterable[Prompt | None], after: Prompt) -> list[Reach]:
        """The same for each of several prompts."""
        texts = self.texts(after.messages)
        tools = _size_of_tools(after)
        total = tools + sum(map(len, texts))
        return [
            Reach(0, 0, total)
            if before is None or not same_head(before, after)
            else self._reach(before, texts, Reach(0, tools, total))
            for before in befores
        ]

    def _reach(self, before: Prompt, texts: Sequence[str], head: Reach) -> Reach:
        """`texts`: those of the other prompt; `head`: what is shared before them."""
        old = self.texts(before.messages)
        head = replace(head, held=head.characters + sum(map(len, old)))
        if before.is_plain:
            return replace(head, characters=shared_of_pieces(old, texts))
        return _reach(old, texts, head)

    def size(self, prompt: Prompt) -> int:
        """Characters of a whole prompt, tools included."""
        return _size_of_tools(prompt) + sum(map(len, self.texts(prompt.messages)))

    def texts(self, messages: Sequence[Message]) -> list[str]:
        """Each message as templates show it."""
        known = self._memo.all([message.raw or b"" for message in messages])
        return [
            self._shown(message) if text is None else text
            for message, text in zip(messages, known, strict=True)
        ]

    def _shown(self, message: Message) -> str:
        text = shown(message)
        if message.raw is not None:
            self._memo.put(message.raw, text)
        return text


def _size_of_tools(prompt: Prompt) -> int:
    return sum(len(tool.definition.decode(errors="replace")) for tool in prompt.tools or ())


def _reach(before: Sequence[str], after: Sequence[str], head: Reach) -> Reach:
    messages, characters = head.messages, head.characters
    for old, new in zip(before, after, strict=False):
        if old != new:
            characters += shared_characters(old, new)
            break
        messages, characters = messages + 1, characters + len(new)
    return replace(head, messages=messages, characters=characters)


def shown(message: Message) -> str:
    """A message as text, without what templates do not show: as its dialect writes it, however it came."""
    if message.opaque:
        return written(message).decode(errors="replace")
    message = run_on_message(_UNSEEN, message).value
    name = None if message.results else message.name
    parts = tuple(map(_shown_part, message.parts))
    same = all(new is old for new, old in zip(parts, message.parts, strict=True))
    if not same or name != message.name:  # most are shown whole, and need no copy
        message = replace(message, parts=parts, name=name)
    assert message.shape is not None, "a message without a shape is never sent"
    return message.shape.write(message).decode(errors="replace")


def _shown_part(part: Part) -> Part:
    match part:
        case ResultPart():
            return replace(
                part, call_id=None, parts=tuple(map(_shown_content, part.parts)), raw=None
            )
        case CallPart():
            return CallPart(_shown_call(part.call))
        case TextPart() | OpaquePart():
            return _shown_content(part)
        case _:
            return part


def _shown_content(part: Content) -> Content:
    """A picture by its size and its edges: no template shows it as text, and megabytes take time."""
    if not isinstance(part, OpaquePart) or part.size <= _PICTURE_BYTES:
        return part
    begin, end = part.start, part.end
    edges = part.whole[begin : begin + _EDGE_BYTES] + part.whole[end - _EDGE_BYTES : end]
    return OpaquePart(RawJson(b"%d bytes %b" % (part.size, edges)))


def _shown_call(call: ToolCall) -> ToolCall:
    text = call.arguments
    if text is not None and is_json(text.encode(errors="replace")):
        text = compact(text.encode(errors="replace")).decode()
    raw = call.arguments_raw
    return replace(
        call, id=None, arguments=text, arguments_raw=None if raw is None else RawJson(compact(raw))
    )


def would_save(stats: CacheStats, direct: Reach, through: Reach) -> WouldSave:
    """The saving of a turn whose prompt reaches as far as `direct`, and would have reached `through`.

    The smaller of two numbers: what the backend evaluated beyond what the other prompt would have needed; and
    what the two texts differ by. So the cost of an eviction is not counted as saved.
    """
    if through.left >= direct.left:
        return WouldSave(0, estimated=False)
    if stats.processed_tokens is None or not stats.prompt_tokens:
        return WouldSave(None, estimated=True)
    ratio = stats.prompt_tokens / direct.total
    needed = max(round(through.left * ratio), 1)  # one token is always evaluated
    by_text = round((direct.left - through.left) * ratio)
    return WouldSave(max(min(stats.processed_tokens - needed, by_text), 0), estimated=True)
