"""The conversations of a run, and what each request would have read if nothing had been read twice.

`new_tokens` is computed from what the server rendered, by its own tokenizer: the tokens of a prompt behind the
longest beginning that it shares with the prompt and the reply before it in the same conversation.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.clients.scripted_endpoints import Turn

Tokens = Callable[[str], list[int]]
MESSAGE, REPLY = "<|im_start|>", "<|im_start|>assistant\n"
"""How a message begins in our templates, and a reply."""


@dataclass(frozen=True, order=True)
class Key:
    """What tells conversations apart, by what the clients say in their headers."""

    session: str
    agent: str
    kind: str


@dataclass(frozen=True)
class Cost:
    """A request behind the first of its conversation."""

    processed: int
    new: int
    extends: bool
    """Whether its prompt begins with the whole prompt and reply before it."""

    grown: int
    """By how much the prompt is longer than the prompt and reply before it."""

    leaves: str
    """What it has in place of the text before, if it does not extend it."""

    @property
    def due(self) -> int:
        """What would have to be read if the client changed nothing in its history."""
        return self.new if self.extends else max(1, min(self.new, self.grown))

    @property
    def again(self) -> int:
        """What was read beyond what the prompt has grown by: comparable between runs whose texts differ in the
        length of a time or an id."""
        return self.processed - self.grown


def key(turn: Turn) -> Key:
    """The conversation of a request: session, sub-agent, and whether it is a side request."""
    headers, request = turn.asked.headers, turn.asked.request
    if "x-codex-turn-metadata" in headers:
        said = json.loads(headers["x-codex-turn-metadata"])
        is_summary = said["request_kind"] == "compaction"  # a side request without the tools
        kind = "compaction" if is_summary else said["thread_source"]
        return Key(said["thread_id"], "", kind)
    kind = "main" if request.get("tools") else "title"
    agent = headers.get("x-claude-code-agent-id", "")
    return Key(headers["x-claude-code-session-id"], agent, kind)


def conversations(turns: Iterable[Turn]) -> dict[Key, list[Turn]]:
    """The turns of each conversation, in the order in which the conversations began."""
    found: dict[Key, list[Turn]] = {}
    for turn in turns:
        found.setdefault(key(turn), []).append(turn)
    return found


def warm_costs(turns: Sequence[Turn], tokens: Tokens) -> list[Cost]:
    """What the requests behind the first of one conversation have read, and had to read."""
    costs = []
    for before, turn in pairwise(turns):
        held, sent = tokens(before.prompt + before.reply_text), tokens(turn.prompt)
        assert len(sent) == turn.counts.prompt
        same = shared(held, sent)
        extends = turn.prompt.startswith(before.prompt + before.reply_text)
        grown = len(sent) - len(held)
        leaves = "" if extends else difference(before.prompt + before.reply_text, turn.prompt)
        cost = Cost(turn.processed_tokens, max(1, len(sent) - same), extends, grown, leaves)
        costs.append(cost)
    return costs


def costs_alone(turns: Sequence[Turn], tokens: Tokens) -> list[Cost]:
    """What every request has read, and had to read, if nothing says to which conversation it belongs.

    It is taken to go on from the earlier request with the same tools that has most messages in common with it,
    if it holds a reply.
    """
    costs = []
    for number, turn in enumerate(turns):
        sent = tokens(turn.prompt)
        assert len(sent) == turn.counts.prompt
        texts = [before.prompt + before.reply_text for before in turns[:number]]
        same = max((shared(tokens(text), sent) for text in texts), default=0)
        own = [
            text
            for before, text in zip(turns, texts, strict=False)
            if tool_names(before) == tool_names(turn)
        ]
        messages = set(turn.prompt.split(MESSAGE))
        best = max(own, key=lambda text: len(messages & set(text.split(MESSAGE))), default="")
        goes_on = bool(best) and turn.prompt.count(REPLY) > 1
        extends = not goes_on or any(turn.prompt.startswith(text) for text in own)
        grown = len(sent) - (len(tokens(best)) if best else 0)
        leaves = "" if extends else difference(best, turn.prompt)
        costs.append(Cost(turn.processed_tokens, max(1, len(sent) - same), extends, grown, leaves))
    return costs


def tool_names(turn: Turn) -> list[str]:
    """Of the tools that a request offers."""
    tools = turn.asked.request.get("tools") or ()
    return sorted(tool.get("function", tool)["name"] for tool in tools)


def shared(before: Sequence[object], after: Sequence[object]) -> int:
    """How long their common beginning is."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(before), len(after)))


def difference(before: str, after: str) -> str:
    """The beginning of what is different, in both."""
    same = shared(before, after)
    return f"{before[same - 20 : same + 60]!r} -> {after[same - 20 : same + 60]!r}"


def processed(costs: Iterable[Cost]) -> int:
    """The sum of what was evaluated."""
    return sum(cost.processed for cost in costs)


def new(costs: Iterable[Cost]) -> int:
    """The sum of what had to be."""
    return sum(cost.new for cost in costs)


def due(costs: Iterable[Cost]) -> int:
    """The sum of what would have to be read if no client changed its history."""
    return sum(cost.due for cost in costs)


def figures(turns: Iterable[Turn]) -> list[str]:
    """What llama-server counted, one line a request; pytest shows it if a claim fails."""
    return [
        f"{key(turn).agent[:6]:6} {key(turn).kind:12} {turn.counts.prompt:6} prompt "
        f"{turn.counts.cached:6} cached {turn.processed_tokens:6} processed "
        f"{turn.counts.generated:4} generated"
        for turn in turns
    ]
