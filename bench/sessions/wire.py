"""Plain HTTP with JSON bodies, one connection per request: a client that cannot tidy anything up."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.sessions.script import Json

LIMIT_S = (
    600.0  # limit of one request: gemma's longest prompt here takes half a minute on a busy machine
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with its whole body."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Refused(Exception):
    """A request was unexpectedly answered with an error status."""


def ask(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """What `url` answers, whatever its status."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=LIMIT_S)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        kind = response.headers.get("content-type", "application/json")
        return Answer(response.status, kind, response.read())
    finally:
        connection.close()


def post(url: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """What `url` answers to a POST of JSON."""
    given = {"Content-Type": "application/json", **(headers or {})}
    return ask("POST", url, json.dumps(body).encode(), given)


def accepted(answer: Answer) -> Any:
    """The JSON of an answer with status 200; raises Refused for any other."""
    if answer.status != 200:
        raise Refused(f"{answer.status}: {answer.body[:500]!r}")
    return answer.json()


def message_of(answer: Answer) -> Json:
    """The assistant message of a chat completion, put together from its pieces if it was streamed."""
    if not answer.content_type.startswith("text/event-stream"):
        message: Json = accepted(answer)["choices"][0]["message"]
        return message
    message = {"role": "assistant", "content": ""}
    for line in answer.body.decode().splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                _add(message, choice["delta"])
    return message


def _add(message: Json, delta: Json) -> None:
    """Add one piece of a streamed message, as OpenAI's clients do."""
    for key in ("content", "reasoning_content"):
        if delta.get(key):
            message[key] = message.get(key, "") + delta[key]
    for piece in delta.get("tool_calls", ()):
        calls = message.setdefault("tool_calls", [])
        if piece["index"] == len(calls):
            calls.append(
                {"id": piece["id"], "type": "function", "function": {"name": "", "arguments": ""}}
            )
        function = calls[piece["index"]]["function"]
        for key, text in piece["function"].items():
            function[key] += text
