"""A scripted llama-server, as much as reading ahead needs: a template that drops reasoning, tokens that are
characters, the counts of slots. Chats are answered, and evaluations can be delayed.
"""

from collections.abc import Iterable
from typing import Any

from tests.fakes.scripted import ScriptedBackend, Stall, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response

ANSWER = "Done."
Json = dict[str, Any]


def rendered(messages: list[Json]) -> str:
    """Reasoning is rendered only after the last user message."""
    last = max(at for at, message in enumerate(messages) if message["role"] == "user")
    texts = [
        f"<{m['role']}>{m.get('reasoning_content') or '' if at > last else ''}{m.get('content') or ''}"
        for at, m in enumerate(messages)
    ]
    return "".join(texts) + "<assistant>"


class LlamaDouble(ScriptedBackend):
    """`held`: tokens in each slot; `busy`: whether a slot reports that it is at work; `stalls`: evaluations are
    never answered; `stalls_at`: nor are those of more tokens, of which the slot then holds one more; `missing`:
    paths that answer 404; `evaluations`: the requested ones, in order; `starts`: how often it has started, None
    if it does not say; `calls`: those of the next replies; `is_fresh`: slots that were never used say so, as
    those of a real server do; `save_status`: what is answered when a slot is to be saved: 501 if it cannot;
    `is_sleeping`: it says that it sleeps."""

    def __init__(
        self, slots: int = 2, missing: Iterable[str] = (), *, is_fresh: bool = False
    ) -> None:
        super().__init__(otherwise=self._script)
        self.is_fresh = is_fresh
        self.held = [0] * slots
        self.tasks: list[int | None] = [None] * slots
        self.busy = False
        self.stalls = False
        self.stalls_at: int | None = None
        self.missing = frozenset(missing)
        self.evaluations: list[Request] = []
        self.finish = "stop"
        self.starts: int | None = None
        self.is_sleeping = False
        self.calls: list[Json] = []
        self.save_status = 200

    def restart(self) -> None:
        """Forget everything, like a new process."""
        self.held = [0] * len(self.held)
        self.tasks = [None] * len(self.held)
        self.starts = (self.starts or 0) + 1

    def _script(self, request: Request) -> list[Step]:
        path = request.target
        if path in self.missing:
            return list(json_response({"error": "no"}, 404))
        if path == "/props":
            return list(json_response(self._props()))
        if path == "/slots":
            states = [
                {
                    "id": at,
                    "is_processing": self.busy and at == len(self.held) - 1,
                    **({"n_prompt_tokens": held} if self.tasks[at] or not self.is_fresh else {}),
                    **({} if self.tasks[at] is None else {"id_task": self.tasks[at]}),
                }
                for at, held in enumerate(self.held)
            ]
            return list(json_response(states))
        if path.endswith("action=save"):
            return list(json_response({}, self.save_status))
        if path == "/completion":
            return self._evaluate(request)
        if path == "/apply-template":
            return list(json_response({"prompt": rendered(request.json()["messages"])}))
        if path == "/tokenize":
            return list(json_response({"tokens": [ord(c) for c in request.json()["content"]]}))
        if path.endswith("/chat/completions"):
            return self._chat(request.json())
        return list(json_response({}))

    def _props(self) -> Json:
        props: Json = {"total_slots": len(self.held), "chat_template": "t", "model_path": "m.gguf"}
        props["is_sleeping"] = self.is_sleeping
        return props if self.starts is None else props | {"media_marker": f"<{self.starts}>"}

    def _evaluate(self, request: Request) -> list[Step]:
        self.evaluations.append(request)
        if self.stalls:
            return [Stall()]
        body = request.json()
        if self.stalls_at is not None and len(body["prompt"]) > self.stalls_at:
            self._used(body["id_slot"], self.stalls_at + 1)
            return [Stall()]
        self._used(body["id_slot"], len(body["prompt"]))
        return list(json_response({"timings": {"prompt_n": 10}}))

    def _used(self, slot: int, tokens: int) -> None:
        self.held[slot] = tokens
        self.tasks[slot] = max((task for task in self.tasks if task is not None), default=0) + 1

    def _chat(self, body: Json) -> list[Step]:
        size = len(rendered(body["messages"]))
        self._used(body.get("id_slot", 0), size + len(ANSWER) - 1)
        message: Json = {"role": "assistant", "content": ANSWER}
        if self.calls:
            message["tool_calls"] = self.calls
        timings = {"cache_n": 0, "prompt_n": size, "prompt_ms": 1.0, "predicted_n": len(ANSWER)}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        usage = {"prompt_tokens": size, "completion_tokens": len(ANSWER)}
        return list(json_response({"choices": [choice], "usage": usage, "timings": timings}))
