"""A chat completion's reply, read from a copy of its bytes while they pass.

llama-server puts `timings` on the chunk with the finish reason, or on the extra `choices: []` chunk
that `stream_options.include_usage` asks for (tools/server/server-task.cpp:502-519); Lemonade relays
both as they are, sends `: ping` comments, and ends a failed stream without `[DONE]`.
"""

from collections.abc import Sequence
from dataclasses import replace

import orjson

from warmprefix.core.messages import parts_of
from warmprefix.core.types import Finish, Message, Reply, Timings, ToolCall, Usage
from warmprefix.dialects.chat_completions.shape import NAMES, SHAPE
from warmprefix.dialects.counts import read_metrics, read_timings, read_usage
from warmprefix.dialects.reader import Growth, Json, Reader

_FINISH = {"stop": Finish.ANSWER, "tool_calls": Finish.CALLS}
_CONTENT, _REASONING, _ARGUMENTS = b'"content"', b'"reasoning_content"', b'"arguments"'


class ChatReader(Reader):
    """Feed it the bytes of one reply; `reply()` is what they said so far."""

    def __init__(self, stream: bool) -> None:
        super().__init__(stream)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._role: str | None = None
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._timings: Timings | None = None
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
            complete=self._error is None and (self.done or self._finish is not None),
            model=self._model,
            id=self._id,
            finish_word=self._finish_word,
        )

    def _event(self, value: Json) -> Growth | None:
        return self._chunk(value, "delta")

    def _word(self, data: bytes) -> None:
        self.done |= data == b"[DONE]"

    def _whole(self, value: Json) -> None:
        self._chunk(value, "message")
        self.done = self._finish is not None

    def _chunk(self, value: Json, key: str) -> Growth | None:
        if (error := value.get("error")) is not None:
            self._error = error_message(error)
        if isinstance(model := value.get("model"), str):
            self._model = model
        if isinstance(usage := value.get("usage"), dict):
            self._usage = read_usage(usage)
        if isinstance(timings := value.get("timings"), dict):
            self._timings = read_timings(timings)
        elif isinstance(metrics := value.get("metrics"), dict):
            self._timings = read_metrics(metrics)
        found = value.get("choices")
        choices = found if isinstance(found, list) else ()
        growth = None
        # Only the first choice continues a conversation; llama-server refuses n > 1 on one slot.
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                growth = self._choice(choice, key)
        return growth if len(choices) == 1 else None

    def _choice(self, choice: Json, key: str) -> Growth | None:
        if isinstance(finish := choice.get("finish_reason"), str):
            self._finish, self._finish_word = _FINISH.get(finish, Finish.OTHER), finish
        delta, growth = choice.get(key), None
        if not isinstance(delta, dict):
            return None
        if isinstance(role := delta.get("role"), str):
            self._role = role
        if isinstance(text := delta.get("content"), str):
            self._content.append(text)
            self.has_output |= text != ""
            growth = _CONTENT, text, self._content
        if isinstance(text := delta.get("reasoning_content"), str):
            self._reasoning.append(text)
            self.has_output |= text != ""
            growth = _REASONING, text, self._reasoning
        # vLLM, Ollama and mlx-lm name it so. It is not remembered, as what they read of it differs.
        if isinstance(text := delta.get("reasoning"), str):
            self.has_output |= text != ""
        if isinstance(calls := delta.get("tool_calls"), list):
            growth = self._tool_calls(calls)
        return growth if len(delta) == 1 else None

    def _tool_calls(self, calls: Sequence[object]) -> Growth | None:
        growth = None
        for position, call in enumerate(calls):
            if isinstance(call, dict):
                index = call.get("index", position)
                key = index if isinstance(index, int) else position
                growth = self._calls.setdefault(key, _Call()).add(call)
                self.has_output = True
        return growth if len(calls) == 1 else None

    def _message(self) -> Message | None:
        if not (self._role or self.has_output):
            return None
        calls = tuple(call.value() for _, call in sorted(self._calls.items()))
        reasoning = "".join(self._reasoning)
        parts = parts_of("".join(self._content), reasoning or None, calls)
        message = Message(self._role or "assistant", parts, keys=("role", "content"), shape=SHAPE)
        return replace(message, raw=SHAPE.write(message))


class _Call:
    """One tool call that arrives in pieces: the id and name once, the arguments bit by bit."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.name = ""
        self.arguments: list[str] = []

    def add(self, delta: Json) -> Growth | None:
        if isinstance(found := delta.get("id"), str):
            self.id = self.id or found
        function = delta.get("function")
        if not isinstance(function, dict):
            return None
        if isinstance(name := function.get("name"), str):
            self.name += name
        if not isinstance(text := function.get("arguments"), str):
            return None
        self.arguments.append(text)
        return None if "name" in function else (_ARGUMENTS, text, self.arguments)

    def value(self) -> ToolCall:
        arguments = "".join(self.arguments)
        return ToolCall(
            self.id, self.name, arguments, keys=NAMES.call, function_keys=NAMES.function
        )


def error_message(error: object) -> str:
    """The text of an `error` member: llama-server sends an object, Lemonade sometimes a string."""
    if isinstance(error, dict):
        message = error.get("message")
        return message if isinstance(message, str) else _written(error)
    return error if isinstance(error, str) else "unknown error"


def _written(error: Json) -> str:
    try:
        return orjson.dumps(error).decode()
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return "unknown error"
