"""Template families: how each renders a reply, which is also how its model generates one."""

import json
from dataclasses import dataclass

from bench.sessions.script import Json
from tests.fakes.llama import Model, template
from warmprefix.embedded.backend import gemma_template


@dataclass(frozen=True, slots=True)
class Family:
    """A chat template and the model that runs it. `reasoning`, `ids`: whether the template renders them.

    `swa_full` False: the sliding window of gemma as llama-server has it by default, which can return only to
    checkpoints.
    """

    name: str
    template: str
    reasoning: bool = False
    ids: bool = False
    model: Model = "tiny"
    swa_full: bool = True

    def generated(self, message: Json) -> str:
        """The text that the model generates for a reply, without the token that ends the turn.

        That token is sampled and never evaluated: a slot holds prompt + generated - 1 tokens (measured).
        """
        reasoning = message.get("reasoning_content") or ""
        thought = f"<think>\n{reasoning}\n</think>\n\n" if self.reasoning and reasoning else ""
        content = message.get("content") or ""
        calls = (self._call(call) for call in message.get("tool_calls") or ())
        return thought + "\n".join(part for part in (content, *calls) if part)

    def _call(self, call: Json) -> str:
        function = call["function"]
        shown_id = f', "id": "{call["id"]}"' if self.ids else ""
        head = f'<tool_call>\n{{"name": {json.dumps(function["name"])}, "arguments": '
        return f"{head}{function['arguments']}{shown_id}}}\n</tool_call>"


FAMILIES: tuple[Family, ...] = (
    Family("chatml_tools", template("chatml_tools")),
    Family("chatml_keeps_reasoning", template("chatml_keeps_reasoning"), reasoning=True),
    Family("chatml_drops_reasoning", template("chatml_drops_reasoning"), reasoning=True),
    Family("chatml_ids", template("chatml_ids"), ids=True),
)

GEMMA: tuple[Family, ...] = (
    Family("gemma", gemma_template(), model="gemma"),
    Family("gemma_window", gemma_template(), model="gemma", swa_full=False),
)
"""A real model: 4 ms a token, so a session takes minutes instead of seconds."""
