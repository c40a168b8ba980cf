"""What a fuzzer begins with for the Messages and the Responses API: as their clients and llama-server write."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fakes.scripted_replies import dump

Json = dict[str, Any]

_MARK = {"type": "ephemeral"}
_SCHEMA = {"$schema": "x", "type": "object", "properties": {"b": {"type": "number", "default": 0}}}
_DEEP = '{"a":[' * 150 + "]}" * 150  # orjson reads 1024 levels and writes 254
_BOTH = (
    *("\\ud83d", "\\u0000", '\\"', "\\\\", "null", "true", "1e999", "-0", "{}", "[]", '""', "},{"),
    *('":', ',"', "\xef\xbb\xbf", "\xc2\xa0", "\xe2\x80\xa8", "\r\n", '"type"', '"text"', '"role"'),
    *(
        '"content"',
        '"tools"',
        '"name"',
        '"id"',
        '"user"',
        '"assistant"',
        '"system"',
        '"cache_control"',
    ),
)
_OF_STREAMS = ("data: ", "data:", "event: ", "\r\n\r\n", "\n\n", ": ping", '"type":"', '"usage":{')

WORDS: dict[str, tuple[str, ...]] = {
    "messages-body": (
        *_BOTH,
        *('"messages"', '"tool_use"', '"tool_result"', '"thinking"', '"signature"', '"input"'),
        *('"tool_use_id"', '"is_error"', '"input_schema"', '"tool_choice"', '"redacted_thinking"'),
        *("x-anthropic-billing-header: a", "You are ", '"image"'),
    ),
    "responses-body": (
        *_BOTH,
        *('"input"', '"instructions"', '"input_text"', '"output_text"', '"message"', '"reasoning"'),
        *('"function_call"', '"function_call_output"', '"call_id"', '"arguments"', '"output"'),
        *('"summary"', '"reasoning_text"', '"developer"', '"status"', '"effort"', '"refusal"'),
        *('"previous_response_id"', '"id_slot"', '"annotations"', '"strict"', '"parameters"'),
    ),
    "messages-sse": (
        *_OF_STREAMS,
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", '"index":0', '"content_block":{', '"delta":{'),
        *(
            "text_delta",
            "thinking_delta",
            "signature_delta",
            "input_json_delta",
            '"partial_json":"',
        ),
        *(
            '"stop_reason":"end_turn"',
            '"cache_read_input_tokens":1',
            '"input_tokens":1',
            '"input":{',
        ),
        *('"thinking":"', '"text":"', '"error":{', '"message":{', "tool_use", "null", "1e999"),
    ),
    "responses-sse": (
        *_OF_STREAMS,
        *("response.created", "response.output_item.added", "response.output_item.done"),
        *("response.output_text.delta", "response.reasoning_text.delta", "response.completed"),
        *("response.function_call_arguments.delta", "response.failed", '"item_id":"', '"item":{'),
        *(
            '"delta":"',
            '"output":[',
            '"arguments":"',
            '"call_id":"',
            '"status":"completed"',
            '"error":',
        ),
        *('"content":[{', "function_call", "reasoning", '"timings":{', "null", "1e999"),
    ),
}
"""As `WORDS` of seeds.py."""


def _text(text: str, **marks: object) -> Json:
    return {"type": "text", "text": text, **marks}


def _use(**given: object) -> Json:
    return {"type": "tool_use", "id": "c", "name": "f", "input": given}


def messages_bodies() -> Iterator[bytes]:
    """A loop of tools as Claude Code writes it, and odd ones."""
    system = [
        _text("x-anthropic-billing-header: cc_version=2.1.0c5; cc_entrypoint=cli;"),
        _text("You are a tool.", cache_control=_MARK),
        _text("Rules.\n\ngitStatus: a snapshot\n\nStatus:\nM a.py", cache_control=_MARK),
    ]
    tools = [
        {"name": "f", "description": "d", "input_schema": _SCHEMA},
        {"input_schema": _SCHEMA, "name": "g", "cache_control": _MARK},
    ]
    result = {"tool_use_id": "c", "type": "tool_result", "content": "1\tdef a():\n"}
    parts = {**result, "content": [_text("a"), {"type": "image", "source": {}}], "is_error": True}
    messages: list[Json] = [
        {"role": "user", "content": [_text("<r>\n</r>\n\n"), _text("q", cache_control=_MARK)]},
        {"role": "system", "content": "agents"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t\n", "signature": ""},
                _text("  I look.\n\n"),
                _use(replace_all=False, b=1.0),
            ],
        },
        {"role": "user", "content": [{**result, "cache_control": _MARK}]},
        {"role": "system", "content": "reminder"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": [parts, _text("and then")]},
    ]
    whole = {"model": "m", "messages": messages, "system": system, "tools": tools, "max_tokens": 9}
    yield dump({**whole, "stream": True, "thinking": {"type": "adaptive"}})
    yield json.dumps(whole, indent=1).encode()
    for end in range(1, len(messages)):
        yield dump({"messages": messages[:end], "system": "You are b", "tools": []})
    two = [{**_use(b=2), "id": name} for name in "ab"]
    done = [{**result, "tool_use_id": name} for name in "ba"]
    batch = [{"role": "user", "content": [one]} for one in done]
    yield dump({"messages": [{"role": "assistant", "content": two}, *batch], "tools": None})
    yield dump({"messages": [{"role": "user", "content": [_text("a"), *done, "x", None]}]})
    odd = [{"type": "redacted_thinking", "data": "x"}, {"type": "tool_use", "name": 1, "input": 1}]
    yield dump({"messages": [{"content": odd, "role": "assistant", "x": None}], "system": []})
    yield f'{{"messages":[{{"role":"user","content":[{_DEEP}]}}],"tools":[{_DEEP}]}}'.encode()
    yield b'{"messages":[{"role":"user","role":"user","content":""},[1,{}],"x",1e1]}'


def _said(role: str, *texts: str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "id": "msg_1", "role": role, "content": content}


def responses_bodies() -> Iterator[bytes]:
    """A loop of tools as Codex writes it, and odd ones."""
    thought = [{"type": "reasoning_text", "text": "t\n"}]
    answer = _said("assistant", "  I look.\n\n")
    answer["content"][0] |= {"annotations": [], "logprobs": []}
    call = {"type": "function_call", "status": "completed", "id": "fc_1", "name": "f"}
    items: list[Json] = [
        _said("developer", "You are a tool."),
        _said("developer", "<p>", "<q>"),
        _said("user", "# AGENTS.md", "<environment_context>"),
        _said("user", "q\n"),
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "content": thought,
            "encrypted_content": "",
        },
        {**answer, "status": "completed"},
        {**call, "arguments": '{"b": 1.0, "a": "\\u00e9"}', "call_id": "c"},
        {**call, "arguments": " ", "call_id": "d"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "d", "output": "Chunk ID: 1\n"},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "r"}],
        },
        {"role": "assistant", "content": " done "},
        {"role": "user", "content": "next"},
    ]
    tools = [
        {
            "type": "function",
            "name": "f",
            "description": "d",
            "strict": False,
            "parameters": _SCHEMA,
        },
        {"type": "web_search"},
    ]
    whole = {"model": "m", "input": items, "tools": tools, "reasoning": {"effort": "high"}}
    yield dump({**whole, "stream": True, "store": False, "prompt_cache_key": "k"})
    yield json.dumps(whole, indent=1).encode()
    for end in range(1, len(items)):
        yield dump({"input": items[:end], "instructions": "You are b\n", "tools": []})
    yield dump({"input": " q\n", "instructions": None})
    refusal = {"type": "refusal", "refusal": "no"}
    yield dump(
        {
            "input": [
                {"role": "assistant", "content": [refusal, {"type": "output_text", "text": ""}]}
            ]
        }
    )
    yield dump(
        {"input": [{"type": "custom_tool_call", "call_id": "c"}, items[4], items[4], "x", None]}
    )
    yield f'{{"input":[{{"role":"user","content":[{_DEEP}]}}],"tools":[{_DEEP}]}}'.encode()
    yield b'{"input":[{"role":"user","role":"user","content":""},[1,{}],1e1],"id_slot":1}'


def _events(*values: Json, end: str = "\n") -> bytes:
    return b"".join(
        f"event: {value['type']}{end}data: {json.dumps(value)}{end}{end}".encode()
        for value in values
    )


def messages_streams() -> Iterator[bytes]:
    """Thinking, text and a call, with blocks that end when all have begun; whole; an error."""
    usage = {"cache_read_input_tokens": 7, "input_tokens": 5, "output_tokens": 0}
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m", "usage": usage}
    deltas: list[tuple[Json, list[Json]]] = [
        ({"type": "thinking", "thinking": ""}, [{"type": "thinking_delta", "thinking": "t\n"}]),
        (
            _text(""),
            [{"type": "text_delta", "text": "  H"}, {"type": "text_delta", "text": "\u00e9 "}],
        ),
        (
            {"type": "tool_use", "id": "c", "name": "f"},
            [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"b":', " 1.0}")],
        ),
    ]
    events: list[Json] = [{"type": "message_start", "message": {**head, "content": []}}]
    for index, (block, pieces) in enumerate(deltas):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += (
            {"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces
        )
    signature = {"type": "signature_delta", "signature": ""}
    events.append({"type": "content_block_delta", "index": 0, "delta": signature})
    events += ({"type": "content_block_stop", "index": index} for index in range(len(deltas)))
    delta = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}})
    events.append({"type": "message_stop"})
    for end in ("\n", "\r\n", "\r"):
        yield _events(*events, end=end)
    yield _events(*events[:4])
    yield _events({"type": "error", "error": {"type": "api_error", "message": "out of memory"}})
    content = [{"type": "thinking", "thinking": "t", "signature": ""}, _text("H"), _use(b=1, a=[])]
    yield dump({**head, "content": content, "stop_reason": "end_turn"})
    yield dump({**head, "content": [_text("H"), {"type": "x"}, 1], "stop_reason": "max_tokens"})
    yield f'data: {{"type":"error","error":{_DEEP}}}\n\n'.encode()


def responses_streams() -> Iterator[bytes]:
    """Reasoning, text and a call; whole; cut; an error."""
    usage = {
        "input_tokens": 12,
        "output_tokens": 9,
        "total_tokens": 21,
        "input_tokens_details": {"cached_tokens": 7},
    }
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": []}
    said = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [],
        "status": "in_progress",
    }
    call = {"type": "function_call", "id": "fc_1", "call_id": "fc_c", "name": "f", "arguments": ""}
    texts = (
        (thought, "reasoning_text", ["t\n"]),
        (said, "output_text", ["  H", "\u00e9 "]),
        (call, "function_call_arguments", ['{"b":', " 1.0}"]),
    )
    events: list[Json] = [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}}
    ]
    for item, kind, pieces in texts:
        events.append({"type": "response.output_item.added", "item": item})
        events += (
            {"type": f"response.{kind}.delta", "item_id": item["id"], "delta": piece}
            for piece in pieces
        )
    output: list[Json] = [
        {**thought, "content": [{"type": "reasoning_text", "text": "t\n"}]},
        {**said, "content": [{"type": "output_text", "text": "  H\u00e9 ", "annotations": []}]},
        {**call, "arguments": '{"b": 1.0}'},
    ]
    events += ({"type": "response.output_item.done", "item": item} for item in output)
    response = {"id": "r", "status": "completed", "model": "m", "output": output, "usage": usage}
    timings = {"cache_n": 7, "prompt_n": 5, "prompt_ms": 1.5, "predicted_n": 9, "predicted_ms": 2}
    whole = [*events, {"type": "response.completed", "response": response, "timings": timings}]
    for end in ("\n", "\r\n", "\r"):
        yield _events(*whole, end=end)
    yield _events(*events)
    yield _events(*events[:6])
    yield _events({"type": "error", "message": "out of memory"})
    yield f'data: {{"error":{_DEEP}}}\n\n'.encode()
    yield dump(response)
    yield dump({"status": "failed", "error": {"message": "no"}, "output": [1, {"type": "message"}]})
