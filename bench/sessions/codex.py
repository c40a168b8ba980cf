"""The wire of a Responses client that writes as Codex 0.171.0 does; all texts are our own.

Captured: no instructions, the base text as the first of two developer items, ids on every item that stay the
same, thoughts with an empty `encrypted_content`, arguments byte for byte, one order of members but for
`client_metadata`, and a header that says what a request is for.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import count
from typing import Any

from bench.sessions.agent import Sent
from bench.sessions.script import Json
from bench.sessions.wire import Answer, accepted

_PERMISSIONS = (
    "<permissions>\nCommands run in a sandbox that may write to the project only.\n</permissions>",
    "<skills>\nNo skill is installed.\n</skills>",
)
_AROUND = (
    "# Notes of this project\n\nKeep answers short.",
    "<environment_context>\n  <cwd>/p</cwd>\n  <current_date>2031-03-03</current_date>\n</environment_context>",
)
_TITLE = "Write a title of three to six words for this thread, as JSON:\n\n"


class Codex:
    """The wire."""

    path = "/v1/responses"
    reminds = False

    def headers(self, sent: Sent) -> dict[str, str]:
        """Those that say what the request is for."""
        thread = self._thread(sent)
        about = {
            "session_id": sent.session,
            "thread_id": thread,
            "request_kind": "compaction" if sent.kind == "compaction" else "turn",
            "thread_source": "thread_title" if sent.kind == "title" else "user",
            "history_initialization": "cold_resume" if sent.process > 1 else "new",
        }
        return {
            "User-Agent": "codex-tui/0.171.0",
            "originator": "codex-tui",
            "session-id": sent.session,
            "thread-id": thread,
            "x-codex-turn-metadata": json.dumps(about),
        }

    def body(self, sent: Sent) -> Json:
        """The request, members in its order."""
        asked: Json = {"model": "local", "input": list(_items(sent))}
        if sent.tools:
            asked["tools"] = [_tool(tool) for tool in sent.tools]
        if sent.kind == "title":
            schema = {"type": "object", "properties": {"title": {"type": "string"}}}
            asked["text"] = {"format": {"type": "json_schema", "name": "title", "schema": schema}}
        metadata = {"turn_id": str(len(sent.messages)), "thread_id": self._thread(sent)}
        turned = dict(reversed(metadata.items())) if len(sent.messages) % 2 else metadata
        return {
            **asked,
            "tool_choice": "auto",
            "parallel_tool_calls": sent.kind != "compaction",
            "reasoning": {"summary": "auto"},
            "store": False,
            "stream": sent.stream,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": self._thread(sent),
            "client_metadata": turned,
        }

    def message(self, answer: Answer) -> Json:
        """The items that are done, in their order."""
        if not answer.content_type.startswith("text/event-stream"):
            accepted(answer)
        message: Json = {"role": "assistant", "content": ""}
        calls = []
        for line in answer.body.decode().splitlines():
            event = json.loads(line[6:]) if line.startswith("data: ") else {}
            if event.get("type") != "response.output_item.done":
                continue
            item = event["item"]
            match item["type"]:
                case "reasoning":
                    message["reasoning_content"] = item["content"][0]["text"]
                case "message":
                    message["content"] = item["content"][0]["text"]
                case _:
                    function = {"name": item["name"], "arguments": item["arguments"]}
                    calls.append({"id": item["call_id"], "type": "function", "function": function})
        return {**message, "tool_calls": calls} if calls else message

    def title(self, question: str, sent: Sent) -> Sent:
        """It shares the base text with the session, and offers no tools if that is the habit."""
        asked = {"role": "user", "content": _TITLE + question}
        tools = () if sent.habits.bare else sent.tools
        return replace(sent, messages=(sent.messages[0], asked), tools=tools)

    def compacted(self, history: Sequence[Json], summary: str) -> list[Json]:
        """What people said, and the summary as the last of it."""
        texts = [message for message in history[1:] if message["role"] == "user"]
        last = {"role": "user", "content": f"Another model has done this so far:\n{summary}"}
        return [history[0], *texts, last]

    def _thread(self, sent: Sent) -> str:
        return f"{sent.session}-title" if sent.kind == "title" else sent.session


def _tool(tool: Json) -> Json:
    function = tool["function"]
    return {
        "type": "function",
        "name": function["name"],
        "description": function["description"],
        "strict": False,
        "parameters": function["parameters"],
    }


def _items(sent: Sent) -> Iterator[Json]:
    numbers = count()

    def made(kind: str, mark: str, **members: Any) -> Json:
        text = f"{sent.session}:{next(numbers)}".encode()
        return {
            "type": kind,
            "id": f"{mark}_{blake2b(text, digest_size=12).hexdigest()}",
            **members,
        }

    def said(role: str, *texts: str) -> Json:
        parts = [{"type": "input_text", "text": text} for text in texts]
        return made("message", "msg", role=role, content=parts)

    yield said("developer", sent.messages[0]["content"])
    yield said("developer", *_PERMISSIONS)
    yield said("user", *_AROUND)
    for message in sent.messages[1:]:
        match message["role"]:
            case "assistant":
                yield from _reply(message, made)
            case "tool":
                of, text = message["tool_call_id"], message["content"]
                yield made("function_call_output", "fco", call_id=of, output=text)
            case role:
                yield said(role, message["content"])


def _reply(message: Json, made: Any) -> Iterator[Json]:
    if thought := message.get("reasoning_content"):
        parts = [{"type": "reasoning_text", "text": thought}]
        yield made("reasoning", "rs", summary=[], content=parts, encrypted_content="")
    if message["content"]:
        text = {
            "type": "output_text",
            "text": message["content"],
            "annotations": [],
            "logprobs": [],
        }
        yield made("message", "msg", status="completed", role="assistant", content=[text])
    for call in message.get("tool_calls") or ():
        named = {**call["function"], "call_id": call["id"]}
        yield made("function_call", "fc", status="completed", **named)
