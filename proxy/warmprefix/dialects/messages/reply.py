"""A reply of the Messages API, read from a copy of its bytes while they pass.

llama-server says how much of the prompt it has evaluated when the reply begins (`message_start`), and does not
close a block before the next one starts: blocks are told apart by their index (tools/server/server-task.cpp).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import orjson

from warmprefix.core.messages import mark_only_text
from warmprefix.core.types import (
    CallPart,
    Finish,
    Message,
    Part,
    ReasoningPart,
    Reply,
    TextPart,
    ToolCall,
    Usage,
)
from warmprefix.dialects.counts import count
from warmprefix.dialects.messages.shape import NAMES, SHAPE
from warmprefix.dialects.reader import Json, Reader, error_text

_FINISH = {"end_turn": Finish.ANSWER, "stop_sequence": Finish.ANSWER, "tool_use": Finish.CALLS}


@dataclass(slots=True)
class _Block:
    """A block as it grows."""

    kind: str
    id: str | None = None
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    signature: str | None = None

    def parts(self) -> Iterator[Part]:
        """What it says; nothing if it is of a kind that is not known."""
        text = "".join(self.pieces)
        match self.kind:
            case "thinking":
                yield ReasoningPart(text, self.signature)
            case "tool_use":
                call = ToolCall(self.id, self.name, text or "{}", type="tool_use", keys=NAMES.call)
                yield CallPart(call)
            case "text":
                yield TextPart(text)


class MessagesReader(Reader):
    """Feed it the bytes of one reply; `reply()` is what they said so far."""

    def __init__(self, stream: bool) -> None:
        super().__init__(stream)
        self._blocks: dict[int, _Block] = {}
        self._usage = Usage()
        self._finish: Finish | None = None
        self._error: str | None = None
        self._model: str | None = None
        self._has_begun = False

    def reply(self) -> Reply:
        """What has been understood so far."""
        is_counted = self._usage != Usage()
        return Reply(
            message=self._message(),
            finish=self._finish,
            usage=self._usage if is_counted else None,
            error=self._error,
            complete=self._error is None and (self.done or self._finish is not None),
            model=self._model,
            id=self._id,
            finish_word=self._finish_word,
        )

    def _whole(self, value: Json) -> None:
        self._begin(value)
        blocks = value.get("content")
        for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
            if isinstance(block, dict):
                self._start(index, block)
        self._end(value)
        self.done = self._finish is not None
        if (error := value.get("error")) is not None:
            self._error = error_text(error)

    def _event(self, value: Json) -> None:
        match value.get("type"):
            case "message_start" if isinstance(message := value.get("message"), dict):
                self._begin(message)
            case "content_block_start" if isinstance(block := value.get("content_block"), dict):
                self._start(_index(value), block)
            case "content_block_delta" if isinstance(delta := value.get("delta"), dict):
                self._delta(_index(value), delta)
            case "message_delta":
                delta = value.get("delta")
                self._end({**(delta if isinstance(delta, dict) else {}), **value})
            case "message_stop":
                self.done = True
            case "error":
                self._error = error_text(value.get("error"))
            case _ if "code" in value and "message" in value:  # as llama-server writes it (b11669)
                self._error = error_text(value)

    def _begin(self, message: Json) -> None:
        self._named(message)
        self._has_begun = message.get("role") == "assistant"
        if isinstance(model := message.get("model"), str):
            self._model = model
        self._count(message.get("usage"))

    def _start(self, index: int, block: Json) -> None:
        kind = block.get("type")
        if not isinstance(kind, str):
            return
        new = self._blocks[index] = _Block(kind)
        if isinstance(call_id := block.get("id"), str):
            new.id = call_id
        if isinstance(name := block.get("name"), str):
            new.name = name
        if block.get("input"):
            new.pieces.append(orjson.dumps(block["input"]).decode())
        self._delta(index, block)
        self.has_output |= kind == "tool_use"

    def _delta(self, index: int, delta: Json) -> None:
        block = self._blocks.get(index)
        if block is None:
            return
        for name in ("text", "thinking", "partial_json"):
            if isinstance(text := delta.get(name), str):
                block.pieces.append(text)
                self.has_output |= text != ""
        if isinstance(signature := delta.get("signature"), str):
            block.signature = signature

    def _end(self, value: Json) -> None:
        if isinstance(reason := value.get("stop_reason"), str):
            self._finish, self._finish_word = _FINISH.get(reason, Finish.OTHER), reason
        self._count(value.get("usage"))

    def _count(self, usage: object) -> None:
        """`input_tokens` are those that were evaluated; those that were reused are not among them."""
        if not isinstance(usage, dict):
            return
        read, cached = count(usage.get("input_tokens")), count(usage.get("cache_read_input_tokens"))
        if read is not None:
            self._usage = replace(
                self._usage, prompt_tokens=read + (cached or 0), cached_tokens=cached
            )
        if (generated := count(usage.get("output_tokens"))) is not None:
            self._usage = replace(self._usage, completion_tokens=generated)

    def _message(self) -> Message | None:
        if not (self._has_begun or self.has_output):
            return None
        in_order = (self._blocks[index] for index in sorted(self._blocks))
        parts = mark_only_text(part for block in in_order for part in block.parts())
        return Message("assistant", parts, keys=NAMES.message, shape=SHAPE)


def _index(value: Json) -> int:
    index = count(value.get("index"))
    return 0 if index is None else index
