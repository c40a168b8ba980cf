"""The wire of a Messages client that writes as Claude Code 2.1.197 does; all texts are our own.

Captured: members and their order, three blocks of instructions, the mark on the newest user block, the newest
text as an array and older ones as strings, instructions between the messages, thoughts with an empty signature.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from bench.sessions.agent import Sent
from bench.sessions.script import Json
from bench.sessions.wire import Answer, accepted

_MARK = {"cache_control": {"type": "ephemeral"}}
_IDENTITY = "You are a test client's assistant."
_TITLE = "Write a title of three to seven words for the text between the tags, as JSON."
_AROUND = """\
<system-reminder>
Notes of this project: keep answers short.
Today's date is 2031-03-03.
</system-reminder>

"""
_STATUS = """\
gitStatus: This is the git status at the start of the conversation. It does not change by itself.

Current branch: main

Status:
{changed}

Recent commits:
{commits}"""


class ClaudeCode:
    """The wire."""

    path = "/v1/messages"
    reminds = True

    def headers(self, sent: Sent) -> dict[str, str]:
        """Those by which it and its sub-agents are recognised."""
        named = {} if sent.agent is None else {"x-claude-code-agent-id": sent.agent}
        return {
            "User-Agent": "claude-cli/2.1.197 (external, cli)",
            "x-app": "cli",
            "X-Claude-Code-Session-Id": sent.session,
            "anthropic-version": "2023-06-01",
            **named,
        }

    def body(self, sent: Sent) -> Json:
        """The request, members in its order."""
        user = {"device_id": "0" * 64, "account_uuid": "", "session_id": sent.session}
        asked: Json = {
            "model": "local",
            "messages": list(_messages(sent)),
            "system": _system(sent),
            "tools": [_tool(tool) for tool in _by_name(sent.tools)],
            "metadata": {"user_id": json.dumps(user)},
            "max_tokens": 32000,
        }
        if sent.kind == "title":
            schema = {"type": "object", "properties": {"title": {"type": "string"}}}
            asked["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        elif sent.agent is None:
            asked["thinking"] = {"type": "adaptive"}
        return {**asked, "stream": sent.stream}

    def message(self, answer: Answer) -> Json:
        """The blocks of a stream, collected by their index."""
        if not answer.content_type.startswith("text/event-stream"):
            accepted(answer)
        blocks: dict[int, tuple[Json, list[str]]] = {}
        for line in answer.body.decode().splitlines():
            event = json.loads(line[6:]) if line.startswith("data: ") else {}
            match event.get("type"):
                case "content_block_start":
                    blocks[event["index"]] = (event["content_block"], [])
                case "content_block_delta":
                    pieces = (event["delta"].get(name) for name in _PIECES)
                    blocks[event["index"]][1].extend(piece for piece in pieces if piece)
        return _as_chat([(block, "".join(texts)) for block, texts in blocks.values()])

    def title(self, question: str, sent: Sent) -> Sent:
        """A prompt of its own: no tools, and the question between tags."""
        asked = {"role": "user", "content": f"<session>\n{question}\n</session>"}
        system = {"role": "system", "content": _TITLE}
        return replace(sent, messages=(system, asked), tools=())

    def compacted(self, history: Sequence[Json], summary: str) -> list[Json]:
        """The summary as the first user message, then the calls that are being worked on."""
        begun = {"role": "user", "content": f"This session goes on from a longer one.\n\n{summary}"}
        at = max(at for at, message in enumerate(history) if message["role"] == "assistant")
        return [history[0], begun, *history[at:]]


_PIECES = ("text", "thinking", "partial_json")


def _as_chat(blocks: Sequence[tuple[Json, str]]) -> Json:
    message: Json = {"role": "assistant", "content": ""}
    calls = []
    for block, text in blocks:
        match block["type"]:
            case "thinking":
                message["reasoning_content"] = text
            case "text":
                message["content"] = text
            case _:
                function = {"name": block["name"], "arguments": text}
                calls.append({"id": block["id"], "type": "function", "function": function})
    return {**message, "tool_calls": calls} if calls else message


def _by_name(tools: Sequence[Json]) -> list[Json]:
    return sorted(tools, key=lambda tool: str(tool["function"]["name"]))


def _tool(tool: Json) -> Json:
    function = tool["function"]
    return {
        "name": function["name"],
        "description": function["description"],
        "input_schema": schema_of(function["parameters"]),
    }


def schema_of(parameters: Json) -> Json:
    """The schema of a tool as this client has it: each can be tried out."""
    dry = {"type": "boolean", "default": False, "description": "Only say what would be done."}
    properties = {**parameters["properties"], "dry_run": dry}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **parameters,
        "properties": properties,
    }


def _system(sent: Sent) -> list[Json]:
    first = next(m["content"] for m in sent.messages if m["role"] == "user")
    own = blake2b(first.encode(), digest_size=2).hexdigest()[:3]
    suffix = own if sent.habits.suffix else "0c5"
    agent = " cc_is_subagent=true;" if sent.agent is not None else ""
    billing = f"x-anthropic-billing-header: cc_version=2.1.197.{suffix}; cc_entrypoint=cli;{agent}"
    main = sent.messages[0]["content"].rstrip()
    if sent.kind != "title":
        main = f"{main}\n\n{_status(sent.process if sent.habits.status else 1)}"
    return [
        {"type": "text", "text": billing},
        {"type": "text", "text": _IDENTITY, **_MARK},
        {"type": "text", "text": main, **_MARK},
    ]


def _status(process: int) -> str:
    """What the tool of the version control says when a process begins."""
    numbers = range(1, process + 1)
    changed = "\n".join(f" M notes/{number}.md" for number in numbers)
    commits = "\n".join(f"{number:07x} step {number}" for number in reversed(numbers))
    return _STATUS.format(changed=changed, commits=commits)


def _messages(sent: Sent) -> Iterator[Json]:
    """The history with results in user messages; the mark stands on the newest user block."""
    parameters = {tool["function"]["name"]: tool["function"]["parameters"] for tool in sent.tools}
    written: list[Json] = []
    for message in sent.messages[1:]:
        last = written[-1] if written else {}
        match message["role"]:
            case "assistant":
                new: Json = {"role": "assistant", "content": _blocks(message, sent, parameters)}
            case "tool":
                if last.get("role") == "user" and last["content"][-1]["type"] == "tool_result":
                    last["content"].append(_result(message))
                    continue
                new = {"role": "user", "content": [_result(message)]}
            case "user":
                text = {"type": "text", "text": message["content"]}
                if sent.habits.behind_results and last.get("role") == "user":
                    last["content"].append(text)
                    continue
                around = [{"type": "text", "text": _AROUND}] if not written else []
                new = {"role": "user", "content": [*around, text]}
            case _:
                new = {"role": "system", "content": message["content"]}
        written.append(new)
    newest = max(at for at, message in enumerate(written) if message["role"] == "user")
    for at, message in enumerate(written):
        yield _marked(message) if at == newest else _plain(message)


def _marked(message: Json) -> Json:
    *others, last = message["content"]
    return {**message, "content": [*others, {**last, **_MARK}]}


def _plain(message: Json) -> Json:
    """A user message of one text is a string once it is not the newest any more."""
    match message:
        case {"role": "user", "content": [{"type": "text", "text": text}]}:
            return {**message, "content": text}
        case _:
            return message


def _blocks(message: Json, sent: Sent, parameters: dict[str, Json]) -> list[Json]:
    blocks: list[Json] = []
    if thought := message.get("reasoning_content"):
        blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
    if message["content"]:
        blocks.append({"type": "text", "text": message["content"]})
    for call in message.get("tool_calls") or ():
        function = call["function"]
        given = json.loads(function["arguments"])
        if sent.habits.defaults and function["name"] in parameters:
            given = with_defaults(given, schema_of(parameters[function["name"]]))
        blocks.append(
            {"type": "tool_use", "id": call["id"], "name": function["name"], "input": given}
        )
    return blocks


def with_defaults(given: Json, schema: Json) -> Json:
    """Arguments as a program sends them back that has checked them: defaults that are false in front, the rest
    in the order of the schema, whole numbers without a fraction."""
    properties: Json = schema["properties"]
    added = {
        name: False
        for name, about in properties.items()
        if about.get("default") is False and not given.get(name)
    }
    known = {name: given[name] for name in properties if name in given}
    written: Json = _whole_numbers({**added, **known, **given})
    return written


def _whole_numbers(value: Any) -> Any:
    match value:
        case dict():
            return {name: _whole_numbers(one) for name, one in value.items()}
        case list():
            return [_whole_numbers(one) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _result(message: Json) -> Json:
    return {
        "tool_use_id": message["tool_call_id"],
        "type": "tool_result",
        "content": message["content"],
    }
