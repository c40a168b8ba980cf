"""A text completion's reply, read from a copy of its bytes while they pass.

llama-server's own says everything in the object with `stop: true`, which ends a stream (there is no `[DONE]`);
OpenAI's has `usage` and `timings` in the last chunk (tools/server/server-task.cpp). If one body holds several
prompts, each has such an end, and their counts are added up. `stream_options` may ask for counts in every
chunk, which grow, and for those of all prompts in an event without choices.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from typing import Any

import orjson

from warmprefix.core.messages import piece
from warmprefix.core.slots.prewarm import held_tokens
from warmprefix.core.stats import cache_stats
from warmprefix.core.types import Finish, Message, Reply, Timings, Usage
from warmprefix.dialects.counts import count, read_timings, read_usage
from warmprefix.dialects.reader import Json, Reader, error_text

_ANSWERS = frozenset({"stop", "eos", "word"})
"""Why a text has come to an end of its own: OpenAI's word, and llama-server's."""


class TextReader(Reader):
    """Feed it the bytes of one reply; `reply()` is what they said so far."""

    def __init__(self, stream: bool) -> None:
        super().__init__(stream)
        self._text: list[str] = []
        self._finish: Finish | None = None
        self._ends: dict[int, tuple[Usage, Timings | None]] = {}
        self._total: Usage | None = None
        self._is_several = False
        self._error: str | None = None
        self._model: str | None = None
        self._slot: int | None = None
        self._slot_tokens: int | None = None

    def reply(self) -> Reply:
        """What has been understood so far."""
        ends = self._ends.values()
        usages = [astuple(usage) for usage, _ in ends]
        timings = [astuple(timing) for _, timing in ends if timing is not None]
        added = Usage(*map(_sum, zip(*usages, strict=True))) if usages else None
        reply = Reply(
            message=self._message(),
            finish=self._finish,
            usage=self._total or added,
            timings=Timings(*map(_sum, zip(*timings, strict=True))) if timings else None,
            error=self._error,
            complete=self._error is None and (self.done or self._finish is not None),
            model=self._model,
            id=self._id,
            finish_word=self._finish_word,
        )
        # If the context was shifted, the slot has lost some of it.
        is_whole = self._slot_tokens == held_tokens(cache_stats(reply))
        is_sure = is_whole and self._slot is not None and not self._is_several
        return replace(reply, slot=self._slot) if is_sure else reply

    def _event(self, value: Json) -> None:
        self._part(value)

    def _word(self, data: bytes) -> None:
        self.done |= data == b"[DONE]"
        self._is_several |= data == b"null"  # a stream of several replies begins so

    def _read_body(self, body: bytes) -> None:
        for one in _objects(body):
            self._says(one)
            self._whole(one)

    def _whole(self, value: Json) -> None:
        self._part(value)
        self.done = self._finish is not None

    def _part(self, value: Json) -> None:
        if (error := value.get("error")) is not None:
            self._error = error_text(error)
        if isinstance(model := value.get("model"), str):
            self._model = model
        self._is_several |= value.get("index") not in (None, 0)
        choices = value.get("choices")
        if not isinstance(choices, list):
            self._own(value)
            return
        for choice in choices:
            if isinstance(choice, dict):
                self._choice(choice)
        if isinstance(usage := value.get("usage"), dict):
            self._end(value, read_usage(usage))

    def _choice(self, choice: Json) -> None:
        self._is_several |= choice.get("index", 0) != 0
        self._say(choice.get("text"))
        if isinstance(finish := choice.get("finish_reason"), str):
            self._finish, self._finish_word = _finish_of(finish), finish

    def _own(self, value: Json) -> None:
        """A reply of llama-server's own kind, or a part of it."""
        self._say(value.get("content"))
        is_last = self._sse is None or value.get("stop") is True
        if not is_last or "error" in value:
            return
        self._finish = _finish_of(value.get("stop_type"))
        self._slot = count(value.get("id_slot"))
        self._slot_tokens = count(value.get("tokens_cached"))
        tokens = (value.get("tokens_evaluated"), None, value.get("tokens_predicted"))
        self._end(value, Usage(*map(count, tokens)))
        self.done = not self._is_several

    def _end(self, value: Json, usage: Usage) -> None:
        if value.get("choices") == []:
            self._total = usage
            return
        timings = value.get("timings")
        read = read_timings(timings) if isinstance(timings, dict) else None
        self._ends[_index(value) if self._sse is not None else len(self._ends)] = (usage, read)

    def _say(self, text: object) -> None:
        if isinstance(text, str) and text and not self._is_several:
            self._text.append(text)
        self.has_output |= bool(text)

    def _message(self) -> Message | None:
        return piece("".join(self._text)) if self._text else None


def _objects(body: bytes) -> Iterator[Json]:
    """The reply in a body, or the replies."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


def _finish_of(word: object) -> Finish:
    return Finish.ANSWER if word in _ANSWERS else Finish.OTHER


def _index(part: Json) -> int:
    """Which of several prompts a part of a stream is of."""
    match part:
        case {"choices": [{"index": int(index)}, *_]} | {"index": int(index)}:
            return index
    return 0


def _sum(numbers: Iterable[Any]) -> Any:
    """The sum of those that were reported; None if none was."""
    reported = [number for number in numbers if number is not None]
    return sum(reported) if reported else None
