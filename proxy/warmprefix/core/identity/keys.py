"""Who a message is, whatever clients did to its bytes. Keys only recognise; they are never sent.

A match key is loose: it leaves out what clients change when they store and reload a message (edges,
reasoning, ids, names of tool results, the spelling of arguments). A chain key is the match keys of a
whole history in order, so it identifies a conversation up to that message; an edit, a retry or a
fork is another chain from there on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from warmprefix.core.identity.reasoning import split_reasoning
from warmprefix.core.identity.transient import Block, without_blocks
from warmprefix.core.identity.volatile import Pattern, mask
from warmprefix.core.memo import Memo
from warmprefix.core.messages import changed
from warmprefix.core.types import (
    CallPart,
    Content,
    Message,
    OpaquePart,
    Prompt,
    RawJson,
    ResultPart,
    TextPart,
    Tool,
    ToolCall,
)
from warmprefix.core.wire.slices import compact, compact_pieces
from warmprefix.core.wire.value import arguments_key, value_key

VERSION = b"warmprefix-identity-1"
"""Part of every key: keys of another version match nothing and age out of the store."""

DIGEST_BYTES = 16
_EDGES = " \t\r\n"
_OPENING_ROLES = frozenset({"system", "developer", "user"})
_USER_EDGES = "\r\n"
_NO_CALL = -1
_LARGE_BYTES = 1024 * 1024  # what is larger is not copied into one piece
_MEMO_BYTES = 8 * 1024 * 1024  # a generation of messages, as in the canonicalizer


@dataclass(frozen=True, slots=True)
class _InPieces:
    """A part of which only a digest is wanted, and which is too large to be copied for that."""

    pieces: Sequence[bytes | memoryview]

    def __len__(self) -> int:
        return sum(map(len, self.pieces))


_Piece = bytes | _InPieces


def scope_key(*parts: str) -> bytes:
    """Root of all chains of one backend and one authorization: nobody is shown another's memory."""
    return _digest(VERSION, *(part.encode("utf-8", "surrogatepass") for part in parts))


@dataclass(frozen=True, slots=True)
class Looseness:
    """What an opt-in rule lets a match key leave out besides: volatile spans of the messages before the first
    reply, and transient blocks of user turns.

    `of_user`: the volatile spans that count in what a user wrote. There a text of another client is a question.
    """

    volatile: tuple[Pattern, ...] = ()
    of_user: tuple[Pattern, ...] = ()
    blocks: tuple[Block, ...] = ()

    def text_of(self, role: str | None, content: str, opening: bool) -> str:
        """What of a message's text identifies it. `opening`: no reply stands before it."""
        text = visible_text(role, content)
        if self.blocks and role == "user":
            text = without_blocks(text, self.blocks)
        if opening and role in _OPENING_ROLES:
            text = mask(text, self.of_user if role == "user" else self.volatile)
        return text


STRICT = Looseness()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a prompt is. `keys`: the chain key after each message; `head`: what it begins with, see
    `Identifier.head_of`; `tools`: the key of each tool."""

    keys: tuple[bytes, ...]
    head: bytes
    tools: tuple[bytes, ...]


# Histories whose keys are kept: the conversations that run now.
_LATEST = 16
_LATEST_REPLIES = 4  # by which a conversation is recognised whatever else was changed
_NAMED_BY = 2  # messages that tell histories apart: the system text and the first question
_Name = tuple[bytes | None, ...]
Answers = tuple[int, ...]
"""For each result of a message, which call of the batch it answers; -1 if none."""
_Use = tuple[bool, Answers]  # of a message: no reply stands before it; what it answers


class Identifier:
    """Computes keys; the match key of a message is remembered by the message's bytes."""

    def __init__(self, looseness: Looseness = STRICT) -> None:
        self._looseness = looseness
        self._memo: Memo[dict[_Use, bytes]] = Memo(_MEMO_BYTES)
        self._tools: Memo[bytes] = Memo(_MEMO_BYTES)
        self._latest: dict[_Name, tuple[tuple[Message, ...], tuple[bytes, ...]]] = {}

    def identity_of(self, prompt: Prompt, scope: bytes) -> Identity:
        """Who a prompt is. `scope`: the root of its chain keys."""
        tools = self.tool_keys(prompt.tools or ())
        keys = self.chain_keys(prompt.messages, scope)
        return Identity(keys, self._head_of(prompt, tools), tools)

    def chain_keys(self, messages: Iterable[Message], scope: bytes) -> tuple[bytes, ...]:
        """The chain key after each message, in order.

        A history that goes on from one of the latest costs a glance at each of its messages.
        """
        history = tuple(messages)
        name = (scope, *(_short(message.raw) for message in history[:_NAMED_BY]))
        known, known_keys = self._latest.pop(name, ((), ()))
        pairs = zip(known, history, strict=False)
        shared = next((at for at, (a, b) in enumerate(pairs) if a is not b), len(known))
        shared = min(shared, len(history))
        keys = (*known_keys[:shared], *self._new_keys(history, shared, known_keys, scope))
        self._latest[name] = (history, keys)
        for oldest in list(self._latest)[:-_LATEST]:
            self._latest.pop(oldest, None)  # another thread may have
        return keys

    def _new_keys(
        self,
        history: Sequence[Message],
        shared: int,
        known_keys: Sequence[bytes],
        scope: bytes,
    ) -> Iterator[bytes]:
        """The keys of all but the first `shared` messages."""
        last = known_keys[shared - 1] if shared else scope
        before = history[:shared]
        asked = next((m for m in reversed(before) if m.logical_role != "tool"), None)
        calls = asked.tool_calls if asked else ()
        order: dict[str | None, int] = {call.id: at for at, call in enumerate(calls)}
        opening = all(message.role != "assistant" for message in before)
        new = history[shared:]
        # The bytes alone are the key: their hash is kept in them, so an old message costs no pass over it.
        remembered = self._memo.all([message.raw or b"" for message in new])
        for message, known in zip(new, remembered, strict=True):
            answers = tuple(order.get(result.call_id, _NO_CALL) for result in message.results)
            if not answers or message.logical_role != "tool":
                order = {call.id: at for at, call in enumerate(message.tool_calls)}
            opening = opening and message.role != "assistant"
            last = chain_key(last, self._match_key(message, known, answers, opening))
            yield last

    def _match_key(
        self, message: Message, known: dict[_Use, bytes] | None, answers: Answers, opening: bool
    ) -> bytes:
        if message.raw is None:
            return match_key(message, answers, self._looseness, opening)
        if known is None:
            known = {}
            self._memo.put(message.raw, known)
        found = known.get((opening, answers))
        if found is None:
            found = known[opening, answers] = match_key(message, answers, self._looseness, opening)
        return found

    def match_key(self, message: Message) -> bytes:
        """The match key of a message by itself."""
        known = None if message.raw is None else self._memo.get(message.raw)
        return self._match_key(message, known, (), False)

    def reply_keys(self, history: Sequence[Message], scope: bytes) -> tuple[bytes, ...]:
        """A key for each of the latest replies in a history, whatever stands before them; the newest first."""
        found = (message for message in reversed(history) if message.role == "assistant")
        replies = tuple(islice(found, _LATEST_REPLIES))
        known = self._memo.all([message.raw or b"" for message in replies])
        root, pairs = scope + b"reply", zip(replies, known, strict=True)
        return tuple(chain_key(root, self._match_key(m, was, (), False)) for m, was in pairs)

    def head_of(self, prompt: Prompt) -> bytes:
        """Digest of a prompt up to its first user message, tools and options included; empty if there is no
        such message.

        Prompts of the same head are rendered alike up to there, whoever sent them: llama-server shows most
        templates `system` for `developer` (common/chat.cpp:1279-1282).
        """
        return self._head_of(prompt, self.tool_keys(prompt.tools or ()))

    def _head_of(self, prompt: Prompt, tools: Sequence[bytes]) -> bytes:
        users = (at for at, message in enumerate(prompt.messages) if message.role == "user")
        first = next(users, None)
        if first is None:
            return b""
        messages = [
            changed(m, role="system") if m.role == "developer" else m
            for m in prompt.messages[: first + 1]
        ]
        options = (f"{name}={raw!r}" for name, raw in sorted(prompt.template_options.items()))
        root = tool_set_key([*tools, scope_key("head", *options)])
        return self.chain_keys(messages, root)[-1]

    def tool_keys(self, tools: Iterable[Tool]) -> tuple[bytes, ...]:
        """The key of each tool, in order."""
        offered = tuple(tools)
        known = self._tools.all([tool.definition for tool in offered])
        pairs = zip(offered, known, strict=True)
        return tuple(self._tool_key(tool) if key is None else key for tool, key in pairs)

    def _tool_key(self, tool: Tool) -> bytes:
        key = tool_key(tool)
        self._tools.put(tool.definition, key)
        return key


def chain_key(parent: bytes, match: bytes) -> bytes:
    """The chain key of a history that ends in a message of that match key."""
    return blake2b(parent + match, digest_size=DIGEST_BYTES).digest()


def match_key(
    message: Message,
    answers: Answers = (),
    looseness: Looseness = STRICT,
    opening: bool = False,
) -> bytes:
    """Loose identity of one message. `answers`: which call each of its results belongs to."""
    if message.opaque:
        return _digest(b"opaque", message.raw or b"")
    if len(message.parts) > 1 and message.results:
        return _digest(_text(message.role or ""), *_mixed(message, answers, looseness, opening))
    content = message.content
    is_result = bool(message.results)
    answered = str(answers[0] if answers else _NO_CALL).encode()
    if not (message.tool_calls or message.extra or isinstance(content, tuple)):
        # Most are like that; the same pieces, put together with less ado.
        text = _text(looseness.text_of(message.role, content or "", opening))
        end: tuple[bytes, ...] = ()
        if is_result:
            end = (b"answers", answered)
        elif message.name:
            end = (b"name", _text(message.name))
        return _digest(_text(message.role or ""), b"text", text, *end)
    return _digest(
        _text(message.role or ""),
        *_visible(message, looseness, opening),
        *(piece for call in message.tool_calls for piece in _call(call, _key_of(message))),
        *((b"answers", answered) if is_result else ()),
        *((b"name", _text(message.name)) if message.name and not is_result else ()),
        *_extra(b"extra", message.extra),
    )


# Each piece follows a word that says what it is, so that none can pass for one of another kind.


def _mixed(
    message: Message, answers: Answers, looseness: Looseness, opening: bool
) -> Iterator[_Piece]:
    """A message of several results, or of a result among other parts: what it shows, in order."""
    numbers = iter(answers)
    for part in message.parts:
        match part:
            case ResultPart():
                yield from (b"answers", str(next(numbers, _NO_CALL)).encode())
                yield from _shown(part.parts)
            case TextPart():
                yield from (b"text", _text(looseness.text_of(message.role, part.text, opening)))
            case OpaquePart():
                yield from (b"part", _opaque(part))
            case CallPart():
                yield from _call(part.call, _key_of(message))
            case _:
                pass  # what the model thought is no part of what it is
    yield from _extra(b"extra", message.extra)


def _shown(parts: Sequence[Content]) -> Iterator[_Piece]:
    for part in parts:
        if isinstance(part, TextPart):
            yield from (b"text", _text(part.text))
        else:
            yield from (b"part", _opaque(part))


def _visible(message: Message, looseness: Looseness, opening: bool) -> Iterator[_Piece]:
    content = message.content
    if not isinstance(content, tuple):
        yield from (b"text", _text(looseness.text_of(message.role, content or "", opening)))
        return
    for part in content:
        if isinstance(part, TextPart):
            yield from (b"text", _text(looseness.text_of(message.role, part.text, opening)))
        else:
            yield from (b"part", _opaque(part))


def visible_text(role: str | None, content: str) -> str:
    """What of a message's text a client is expected to give back."""
    match role:
        case "assistant":
            return split_reasoning(content).visible.strip(_EDGES)
        case "system" | "developer":
            return content.strip(_EDGES)
        case "user":
            # Blanks in front can be the indentation of pasted code; behind the text they are nothing.
            return content.lstrip(_USER_EDGES).rstrip(_EDGES)
        case _:
            return content


def _key_of(message: Message) -> Callable[[str], bytes]:
    """What tells the arguments of a message's calls: as text they come back as they were generated."""
    is_value = message.shape is not None and not message.shape.names.has_text_arguments
    return arguments_key if is_value else value_key


def _call(call: ToolCall, key: Callable[[str], bytes]) -> Iterator[bytes]:
    raw = call.arguments_raw
    text = call.arguments or ("" if raw is None or raw == b"null" else raw.decode(errors="replace"))
    # No arguments are `{}`, as in the rule `arguments-text`: a reply comes without rules.
    yield from (
        b"call",
        _text(call.name or ""),
        key(text if text.strip(" \t\r\n") else "{}"),
    )
    yield from _extra(b"function", call.function_extra)


def _extra(kind: bytes, extra: Mapping[str, RawJson]) -> Iterator[bytes]:
    for key, raw in sorted(extra.items()):
        yield from (kind, _text(key), compact(raw))


def tool_key(tool: Tool) -> bytes:
    """Identity of a tool: its definition as a JSON value, whatever its key order and blanks."""
    return _digest(b"tool", value_key(tool.definition.decode(errors="replace")))


def tool_set_key(keys: Sequence[bytes]) -> bytes:
    """Identity of a set of tools in any order."""
    return _digest(b"tools", *sorted(keys))


def content_key(raw: bytes) -> bytes:
    """Address of a message's bytes in a store."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()


def _short(raw: bytes | None) -> bytes | None:
    """Enough of a message to tell histories apart: to look a picture up, all of it would be read once more."""
    return raw if raw is None or len(raw) <= _LARGE_BYTES else raw[-_LARGE_BYTES:]


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _opaque(part: OpaquePart) -> _Piece:
    """A part as JSON without blanks."""
    if part.size > _LARGE_BYTES:
        return _InPieces(compact_pieces(part.whole, part.start, part.end))
    return compact(part.raw)


def _digest(*parts: _Piece) -> bytes:
    """Digest of the parts, each with its length: no two different lists run together."""
    if sum(map(len, parts)) > _LARGE_BYTES:
        return _digest_in_steps(parts)
    framed = [piece for part in parts for piece in (len(part).to_bytes(8, "little"), part)]
    # What is in pieces is large.
    return blake2b(b"".join(framed), digest_size=DIGEST_BYTES).digest()  # type: ignore[arg-type]


def _digest_in_steps(parts: Iterable[_Piece]) -> bytes:
    state = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        for piece in part.pieces if isinstance(part, _InPieces) else (part,):
            state.update(piece)
    return state.digest()
