"""A reply of the Responses API, read from a copy of its bytes while they pass.

llama-server's last event has the whole reply, its counts, and `timings` beside them; a body that is no stream
has no timings (tools/server/server-task.cpp). What came before counts only if the stream was cut.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from warmprefix.core.messages import mark_only_text
from warmprefix.core.types import (
    CallPart,
    Finish,
    Message,
    Part,
    ReasoningPart,
    Reply,
    TextPart,
    Timings,
    ToolCall,
    Usage,
)
from warmprefix.dialects.counts import read_timings, read_usage
from warmprefix.dialects.reader import Json, Reader, error_text
from warmprefix.dialects.responses.shape import NAMES, SHAPE

_ENDS = ("response.completed", "response.incomplete", "response.failed")
_DELTAS = (
    "response.output_text.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
)


@dataclass(slots=True)
class _Item:
    """An item as it grows. `texts`: those it has, or the pieces of its only one."""

    kind: object
    call_id: str = ""
    name: str = ""
    texts: list[str] = field(default_factory=list)
    is_whole: bool = False

    def parts(self) -> list[Part]:
        """Nothing if it is of a kind that we do not know, or empty."""
        texts = self.texts if self.is_whole else ["".join(self.texts)]
        match self.kind:
            case "function_call":
                arguments = "".join(self.texts)
                call = ToolCall(
                    self.call_id, self.name, arguments, type="function_call", keys=NAMES.call
                )
                return [CallPart(call)]
            case "reasoning":
                return [ReasoningPart(text) for text in texts[:1] if text]
            case "message":
                return [TextPart(text) for text in texts if text]
            case _:
                return []


class ResponsesReader(Reader):
    """Feed it the bytes of one reply; `reply()` is what they said so far."""

    def __init__(self, stream: bool) -> None:
        super().__init__(stream)
        self._items: dict[object, _Item] = {}
        self._usage: Usage | None = None
        self._timings: Timings | None = None
        self._finish: Finish | None = None
        self._error: str | None = None
        self._model: str | None = None

    def reply(self) -> Reply:
        """What has been understood so far."""
        return Reply(
            message=self._message(),
            finish=self._finish,
            usage=self._usage,
            timings=self._timings,
            error=self._error,
            complete=self._error is None and self._finish is not None,
            model=self._model,
            id=self._id,
            finish_word=self._finish_word,
        )

    def _event(self, value: Json) -> None:
        kind = value.get("type")
        if kind in _DELTAS:
            self._delta(value)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            if isinstance(item := value.get("item"), dict):
                self._add(item.get("id"), item, is_whole=kind == "response.output_item.done")
        elif kind in _ENDS:
            if isinstance(timings := value.get("timings"), dict):
                self._timings = read_timings(timings)
            if isinstance(response := value.get("response"), dict):
                self._whole(response)
            self.done = True
        elif kind == "error":
            self._error = error_text(value)
        elif (error := value.get("error")) is not None:  # llama-server's own, which has no type
            self._error = error_text(error)

    def _delta(self, value: Json) -> None:
        of, text = value.get("item_id"), value.get("delta")
        item = self._items.get(of) if isinstance(of, str) else None
        if item is not None and isinstance(text, str):
            item.texts.append(text)
            self.has_output |= text != ""

    def _add(self, key: object, item: Json, *, is_whole: bool) -> None:
        new = _Item(item.get("type"), is_whole=is_whole)
        if isinstance(call_id := item.get("call_id"), str):
            new.call_id = call_id
        if isinstance(name := item.get("name"), str):
            new.name = name
        new.texts += _texts(item.get("content"))
        if isinstance(arguments := item.get("arguments"), str):
            new.texts.append(arguments)
        self._items[key if isinstance(key, str) else len(self._items)] = new
        self.has_output |= new.kind == "function_call" or any(new.texts)

    def _whole(self, response: Json) -> None:
        """What a whole response says. It replaces what was read in pieces."""
        if isinstance(output := response.get("output"), list):
            self._items = {}
            for at, item in enumerate(output):
                if isinstance(item, dict):
                    self._add(at, item, is_whole=True)
        self._named(response)
        if isinstance(model := response.get("model"), str):
            self._model = model
        if isinstance(usage := response.get("usage"), dict):
            self._usage = read_usage(usage, "input_tokens", "output_tokens")
        if (error := response.get("error")) is not None:
            self._error = error_text(error)
        if isinstance(status := response.get("status"), str) and self._error is None:
            self._finish, self._finish_word = self._finish_of(status), status
            self.done = True

    def _finish_of(self, status: str) -> Finish:
        """llama-server says `completed` of a reply that was cut off, too: so its client keeps it."""
        if status != "completed":
            return Finish.OTHER
        has_calls = any(item.kind == "function_call" for item in self._items.values())
        return Finish.CALLS if has_calls else Finish.ANSWER

    def _message(self) -> Message | None:
        parts = mark_only_text(part for item in self._items.values() for part in item.parts())
        if not parts:
            return None
        message = Message("assistant", parts, keys=NAMES.message, shape=SHAPE)
        return replace(message, raw=SHAPE.write(message))


def _texts(content: object) -> Iterable[str]:
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(text := part.get("text"), str):
            yield text
