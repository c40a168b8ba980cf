"""What a fuzzer begins with: requests as clients send them, streams as backends send them."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from tests.fakes import scripted_replies as replies
from tests.fuzz import seeds_native
from tests.fuzz.targets import with_cuts

_CORPUS = Path(__file__).parents[1] / "corpus"
_DEEP = '{"a":[' * 150 + "]}" * 150  # orjson reads 1024 levels and writes 254

WORDS: dict[str, tuple[str, ...]] = {
    **seeds_native.WORDS,
    "body": (
        *('"messages"', '"role"', '"content"', '"tool_calls"', '"tool_call_id"', '"name"', '"id"'),
        *('"reasoning_content"', '"function"', '"arguments"', '"type"', '"text"', '"tools"'),
        *('"system"', '"user"', '"assistant"', '"tool"', '"developer"', '"cache_control"'),
        *('"parameters"', '"description"', '"id_slot"', '"finish_reason"', '"call_id"'),
        *("null", "true", "NaN", "1e999", "-0", "\\ud83d", "\\u0000", '\\"', "\\\\", "{}", "[]"),
        *('""', '"{}"', "},{", '":', ',"', "x-anthropic-billing-header: a\\n", "You are "),
        *("\xef\xbb\xbf", "\xc2\xa0", "\xe2\x80\xa8", "\r\n", "\t"),
    ),
    "sse": (
        *("data: ", "data:", "data", "event: ", "id: ", ": ping", "\r\n\r\n", "\n\n", "\r\r"),
        *("[DONE]", '{"choices":[', '{"delta":{', '"index":0', '"tool_calls":[{', '"id":""'),
        *('"function":{"name":"f"', '"arguments":"', '"finish_reason":"stop"', '"error":{'),
        *('"usage":{', '"timings":{', '"content":"', '"reasoning_content":"', '"message":{'),
        *("\xef\xbb\xbf", "\xe2\x80\xa8", "\x0b", "1e999", "null", "]}", "}]}"),
    ),
}
"""Texts that a fuzzer would have to guess byte by byte; each character is one byte."""


def bodies() -> Iterator[bytes]:
    """The requests of `tests/corpus`, and what the corpus does not hold."""
    for file in sorted(_CORPUS.glob("*.jsonl")):
        for row in map(json.loads, file.read_text("utf-8").splitlines()):
            for side in ("a", "b"):
                tools = row.get(f"{side}_tools")
                request = {"model": "m", "messages": row[side], "stream": True}
                request |= {} if tools is None else {"tools": tools}
                yield json.dumps(request, separators=(",", ":")).encode()
    parts = [{"type": "text", "text": "a", "cache_control": {"type": "e"}}]
    call = {"function": {"arguments": {"b": 1.0, "a": []}, "name": "f"}, "type": "function"}
    odd = [
        {"role": "system", "content": "x-anthropic-billing-header: cc\nYou are b\n"},
        {"role": "user", "content": [*parts, {"type": "image_url", "image_url": {"url": "x"}}]},
        {"content": parts, "role": "user", "name": None},
        {"role": "assistant", "tool_calls": [call], "reasoning_content": " "},
        {"role": "tool", "content": "\ud83d", "tool_call_id": "c"},
    ]
    yield json.dumps({"messages": odd, "tools": [call], "id_slot": 1}, indent=1).encode()
    yield f'{{"messages":[{{"role":"user","x":{_DEEP}}}],"tools":[{_DEEP}]}}'.encode()
    yield b'{"messages":[{"role":"user","role":"user"},[1,{}],"x",12345678901234567890,1e1]}'


def streams() -> Iterator[bytes]:
    """Replies in all their parts, streamed with each line end, and whole."""
    calls = [
        *replies.tool_call_deltas("read", ['{"pa', 'th":"\u00e9"}'], ""),
        *replies.tool_call_deltas("read", ["{}"], "", index=1),
    ]
    reasoning = [{"reasoning_content": "because"}]
    for line_end in ("\n", "\r\n", "\r"):
        yield b"".join(
            replies.chat_stream(
                ["H", "i \U0001f600"],
                include_usage=True,
                deltas=reasoning,
                late_deltas=calls,
                line_end=line_end,
            )
        )
    yield b"\xef\xbb\xbf" + b": ping\n\n".join(replies.chat_stream(["Hi"]))
    yield b"".join(replies.sse({"error": {"message": "out of memory", "code": 500}}))
    yield b"".join(replies.sse(f'{{"error":{_DEEP}}}'))
    yield b"event: x\ndata:  a\r\ndata\rdata:b\n\ndata: last"
    message = {"tool_calls": [{"id": "", "function": {"name": "f", "arguments": "{}"}}]}
    yield replies.dump(replies.chat_reply("Hi", 3, 4, message=message))


BEGINNINGS = {
    "body": bodies,
    "sse": streams,
    "messages-body": seeds_native.messages_bodies,
    "messages-sse": seeds_native.messages_streams,
    "responses-body": seeds_native.responses_bodies,
    "responses-sse": seeds_native.responses_streams,
}


def seeds(target: str) -> list[bytes]:
    """The first inputs of a target."""
    whole = list(BEGINNINGS[target]())
    if target.endswith("body"):
        return whole
    chance = random.Random(0)
    cuts = [sorted(chance.randrange(len(stream) + 1) for _ in range(4)) for stream in whole]
    return [with_cuts(stream, []) for stream in whole] + list(map(with_cuts, whole, cuts))
