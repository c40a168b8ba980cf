"""A llama-server whose model calls tools on demand.

llama-server accepts no grammar together with callable tools, and a random model calls none by itself. A body
that has both goes to the real server with `tool_choice` "none", which none of our templates renders: it
renders, chooses the slot, evaluates, and generates the text of the calls token by token, all in one task. Only
the reply is rewritten, with the message that the text stands for. Everything else passes unchanged.
"""

import json

from bench.never_worse.plan import Json
from bench.sessions.front import Front
from bench.sessions.reply_wire import event_stream, whole_reply
from bench.sessions.wire import Answer, ask, post

TOLD = "x_told"
"""Member of a body: the message that the reply must be. llama-server does not know it."""


class Mouth(Front):
    """In front of a llama-server; for clients and the proxy it is that server."""

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
