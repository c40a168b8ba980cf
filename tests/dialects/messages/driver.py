"""Drives the pipeline with requests of the Messages API: bodies in, forwarded bodies out."""

import json
from collections.abc import Sequence
from typing import Any

from tests.ledger_driver import NO_TIMES
from warmprefix.backends import llamacpp
from warmprefix.config import Config, MemoryConfig
from warmprefix.core.types import Outcome
from warmprefix.counters import Counters
from warmprefix.dialects.messages import MESSAGES
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Written, as_it_came, ended_of
from warmprefix.stores.memory import MemoryStore

PATH = "/v1/messages"

Json = dict[str, Any]


class MessagesDriver:
    """One proxy without its sockets."""

    def __init__(self) -> None:
        config = Config(memory=MemoryConfig(store="memory", restore_reasoning="always"))
        store, counters, recent = MemoryStore(1 << 30, 1e9), Counters(), Recent()
        self._pipeline = Pipeline(config, store, counters, recent)
        self._recorder = Recorder(store, recent)
        self.written: Written | None = None

    async def send(
        self, messages: Sequence[Json], generated: bytes | None = None, **more: Any
    ) -> bytes:
        """The body that is forwarded. `generated`: the blocks that the model answers with, as JSON."""
        raw = json.dumps({"messages": list(messages), **more}).encode()
        outgoing = await self._pipeline.prepare(as_it_came(PATH, {}, raw), llamacpp.KIND)
        assert isinstance(outgoing, Written)
        reader = MESSAGES.reader(stream=True)
        if generated is not None:
            reader.feed(streamed(generated))
        self._recorder.ended(ended_of(outgoing, reader.finish(), 200, Outcome.OK, NO_TIMES))
        self.written = outgoing
        return outgoing.body


def streamed(blocks: bytes) -> bytes:
    """A stream of these blocks, as llama-server writes it: `input` is text that the model wrote."""
    events: list[Json] = [{"type": "message_start", "message": {"role": "assistant"}}]
    for index, block in enumerate(_blocks(blocks)):
        at = {"index": index}
        shown = {name: block[name] for name in block if name not in _DELTAS}
        events.append({"type": "content_block_start", **at, "content_block": shown})
        for name, kind in _DELTAS.items():
            if name in block:
                delta = {"type": f"{kind}_delta", _DELTA_NAMES.get(name, name): block[name]}
                events.append({"type": "content_block_delta", **at, "delta": delta})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    events.append({"type": "message_stop"})
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


_DELTAS = {"thinking": "thinking", "text": "text", "input": "input_json", "signature": "signature"}
_DELTA_NAMES = {"input": "partial_json"}


def _blocks(text: bytes) -> list[Json]:
    """The blocks, `input` left as the text that stands in them."""
    blocks: list[Json] = []
    for block in json.loads(text):
        if "input" in block:
            start = text.index(b'"input":', 0) + len(b'"input":')
            _, end = json.JSONDecoder().raw_decode(text.decode(), start)
            block["input"] = text[start:end].decode()
            text = text[end:]
        blocks.append(block)
    return blocks
