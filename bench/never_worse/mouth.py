"""A llama-server whose model says, and calls, what it is told to.

llama-server accepts no grammar together with callable tools, and a random model calls none by itself. A body
that has both goes to the real server with `tool_choice` "none", which none of our templates renders: it
renders, chooses the slot, evaluates, and generates the text of the calls token by token, all in one task. Only
the reply is rewritten, with the message that the text stands for.

The Messages and the Responses API take no grammar at all. There the real server evaluates the prompt, and what
the model would have written is evaluated behind it in the same slot. Everything else passes unchanged.
"""

import json

from bench.never_worse.plan import Json
from bench.sessions.evaluation import append, evaluate, tokens_of
from bench.sessions.front import Front
from bench.sessions.native_wire import native_reply
from bench.sessions.reply_wire import event_stream, whole_reply
from bench.sessions.wire import Answer, ask, post

TOLD = "x_told"
"""Member of a body: the message that the reply must be. llama-server does not know it."""
TEXT = "x_text"
"""Beside it, if there is no grammar: what the model writes for that message."""


class Mouth(Front):
    """In front of a llama-server; for clients and the proxy it is that server.

    `beside`: tokens that were evaluated as replies. The server counts them among those of prompts.
    """

    def __init__(self, backend: str) -> None:
        self.beside = 0
        super().__init__(backend)

    def chat(self, body: bytes) -> Answer:
        """The message that the body asks for, with the server's counts; otherwise the server's own answer."""
        asked: Json = json.loads(body)
        url = f"{self.backend}/v1/chat/completions"
        if TOLD not in asked:
            return ask("POST", url, body, {"Content-Type": "application/json"})
        message = {"role": "assistant", **asked.pop(TOLD)}
        real = {**asked, "stream": False, "tool_choice": "none"}
        real.pop("stream_options", None)
        answer = post(url, real)
        if answer.status != 200:
            return answer
        write = event_stream if asked.get("stream") else whole_reply
        return write(message, answer.json(), asked)

    def native(self, path: str, body: bytes) -> Answer:
        """The same for the other endpoints."""
        asked: Json = json.loads(body)
        if TOLD not in asked:
            return super().native(path, body)
        message, text = {"role": "assistant", **asked.pop(TOLD)}, asked.pop(TEXT)
        found = evaluate(self.backend, path, asked)
        if isinstance(found, Answer):
            return found
        generated = len(tokens_of(self.backend, text))
        if found.slot is not None:
            prompt_tokens = found.cached_tokens + found.processed_tokens
            append(self.backend, found.slot, found.prompt, prompt_tokens, text)
            self.beside += generated
        return native_reply(path, message, found, generated + 1, is_stream=True)
