"""What decides cache hits behind Lemonade: request rewriting, rendering, and the slots.

Lemonade: src/cpp/server/thinking_controls.cpp and server.cpp at e385039ed (v11.7.0).
llama-server: tools/server/server-context.cpp:1653-1781 (slot choice), 3633-3640 (one token is always
evaluated), build 11434. Tokens are pieces of `characters_per_token` characters.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.scripted_replies import JsonObject, dump

SIMILAR_ENOUGH = 0.10
"""llama-server's `--slot-prompt-similarity`: above it the best common prefix chooses the slot."""


@dataclass(frozen=True)
class Counts:
    """What one request cost: reused, evaluated and generated tokens, and the slot it ran in."""

    cached: int
    processed: int
    generated: int
    slot: int

    @property
    def prompt(self) -> int:
        """Tokens of the whole prompt."""
        return self.cached + self.processed


@dataclass
class Slot:
    """The text that a slot holds, and when it was last used (a counter, not a clock)."""

    text: str = ""
    last_use: int = 0

    @property
    def was_used(self) -> bool:
        """Whether something ran in it."""
        return self.last_use > 0


class Slots:
    """The prompt caches of one llama-server, without its RAM prompt cache."""

    def __init__(self, count: int, characters_per_token: int) -> None:
        self.slots = [Slot() for _ in range(count)]
        self.characters_per_token = characters_per_token
        self._uses = 0

    def tokens(self, text: str) -> int:
        """Length in tokens, the last one possibly short."""
        return -(-len(text) // self.characters_per_token)

    def run(self, prompt: str, reply: str, request: JsonObject) -> Counts:
        """Evaluate the prompt and generate the reply; the slot holds both. The end-of-text token counts as
        generated but is not held.
        """
        chosen = self._choose(prompt, request.get("id_slot", -1))
        slot = self.slots[chosen]
        shared = common_prefix(slot.text, prompt) // self.characters_per_token
        total = self.tokens(prompt)
        cached = min(shared, total - 1) if request.get("cache_prompt", True) else 0
        slot.text = prompt + reply
        self._uses += 1
        slot.last_use = self._uses
        return Counts(cached, total - cached, self.tokens(reply) + 1, chosen)

    def erase(self, number: int | None = None) -> int:
        """Drop one slot's cache, or all; the number of tokens dropped."""
        chosen = self.slots if number is None else [self.slots[number % len(self.slots)]]
        erased = sum(self.tokens(slot.text) for slot in chosen)
        for slot in chosen:
            slot.text = ""
        return erased

    def _choose(self, prompt: str, wanted: int) -> int:
        if wanted >= 0:
            return wanted % len(self.slots)
        shares = [common_prefix(slot.text, prompt) / len(prompt) for slot in self.slots]
        best = max(range(len(shares)), key=shares.__getitem__)
        if shares[best] > SIMILAR_ENOUGH:
            return best
        return min(range(len(shares)), key=lambda number: self.slots[number].last_use)


def common_prefix(before: str, after: str) -> int:
    """Length in characters of the shared beginning."""
    length = min(len(before), len(after))
    return next((i for i in range(length) if before[i] != after[i]), length)


def forwarded(request: JsonObject, model: str) -> JsonObject:
    """The request as Lemonade sends it to llama-server: controls applied, keys sorted everywhere."""
    sent = json.loads(dump(request))
    sent["model"] = model
    if disables_thinking(sent):
        sent["reasoning_effort"] = "none"
        options = sent.setdefault("chat_template_kwargs", {})
        if isinstance(options, dict):
            options["enable_thinking"] = False
        mark_last_user_message(sent)
    for name in ("enable_thinking", "thinking"):
        sent.pop(name, None)
    if "max_completion_tokens" in sent:
        sent.setdefault("max_tokens", sent["max_completion_tokens"])
    result: JsonObject = json.loads(dump(sent, sort_keys=True))
    return result


def disables_thinking(request: JsonObject) -> bool:
    """True for the three spellings; a boolean `enable_thinking` outranks `thinking`."""
    enabled = request.get("enable_thinking")
    if isinstance(enabled, bool):
        return not enabled
    thinking = request.get("thinking")
    if isinstance(thinking, dict):
        return thinking.get("type") == "disabled"
    return thinking is False


def mark_last_user_message(request: JsonObject) -> None:
    """Put `/no_think` before the last user message that is plain text; those with parts are skipped."""
    messages = request.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if is_plain_user_message(message):
            message["content"] = "/no_think\n" + message["content"]
            return


def is_plain_user_message(message: object) -> bool:
    """A user message whose content is a string."""
    if not isinstance(message, dict) or message.get("role") != "user":
        return False
    return isinstance(message.get("content"), str)


def render(request: JsonObject) -> str:
    """The prompt: tools first, then the messages, then the opening of the reply.

    ChatML-like; thinking options do not show in it, as in templates without thinking.
    """
    tools = request.get("tools")
    head = f"<|im_start|>tools\n{text_of(tools)}<|im_end|>\n" if tools else ""
    turns = [
        f"<|im_start|>{message.get('role')}\n{spoken(message)}<|im_end|>\n"
        for message in request["messages"]
    ]
    return head + "".join(turns) + "<|im_start|>assistant\n"


def spoken(message: JsonObject) -> str:
    """Content and tool calls of one message; reasoning of earlier turns is dropped."""
    calls: Sequence[JsonObject] = message.get("tool_calls") or ()
    return text_of(message.get("content")) + "".join(
        f"<tool_call>{call['function']['name']} {call['function']['arguments']}</tool_call>"
        for call in calls
    )


def text_of(content: Any) -> str:
    """Text as it is, text parts joined, anything else as JSON in the order it has."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(set(part) == {"text", "type"} for part in content):
        return "".join(part["text"] for part in content)
    return dump(content).decode()
