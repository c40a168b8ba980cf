"""What to evaluate before the next user message arrives: a pure decision on tokens.

Many templates render the last tool loop otherwise once a newer user message follows it, so the loop is
evaluated again on every user turn although the messages only went on. The coming prompt is known up to the text
of that message, so the backend can read it while the user reads the answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from warmprefix.core.messages import changed, shown_parts
from warmprefix.core.types import CacheStats, Finish, Message, Prompt, Reply, ResultPart

PLACEHOLDER = "warmprefix-coming-message"
"""Stands for the text that is not written yet."""

_WHOLE = (Finish.ANSWER, Finish.CALLS)

BEGINNINGS = ("x", "\n")
"""How that message may begin. What is tokenized alike with both is not joined to the message's text: tokenizers
join white space to white space, and a word to nothing before the end of a line."""

STEP_TOKENS = 512
"""The most that one request evaluates: llama-server's `--ubatch-size`."""

LEAST_STEP_TOKENS = 64  # below it a step costs more than its tokens do (gemma-3-270m on two cores)
STEP_MS = 500  # how long a step may take, and so how long a new request may wait for it
RATE_TOKENS = 128  # a turn that evaluated fewer says little about the rate (log/metrics.py)


@dataclass(frozen=True, slots=True)
class Plan:
    """`tokens`: the beginning of the coming prompt; the slot already holds the first `shared` of them."""

    tokens: tuple[int, ...]
    shared: int

    @property
    def loss(self) -> int:
        """Tokens that the next request would have to evaluate besides its own."""
        return len(self.tokens) - self.shared

    def steps(self, size: int) -> Iterator[int]:
        """How many of the tokens the slot holds after each request that evaluates `size` of them."""
        yield from range(self.shared + size, len(self.tokens), size)
        yield len(self.tokens)


def final_answer(reply: Reply, status: int | None) -> Message | None:
    """The reply of a turn if a user message comes next, otherwise None."""
    message = reply.message
    if status != 200 or not reply.complete or reply.finish is not Finish.ANSWER:
        return None
    return None if message is None or message.tool_calls else message


def kept_reply(reply: Reply, status: int | None) -> Message | None:
    """The reply as a client keeps it in its history; None if it was cut off, or there is none."""
    is_whole = status == 200 and reply.complete and reply.finish in _WHOLE
    return reply.message if is_whole else None


def coming_message(reply: Message) -> Message:
    """What the client sends after a reply, without its text: a user message, or the first result."""
    if not reply.tool_calls:
        return coming_question(reply)
    text = shown_parts(PLACEHOLDER)
    return Message("tool", (ResultPart(reply.tool_calls[0].id, text),), shape=reply.shape)


def coming_question(reply: Message) -> Message:
    """The user's next message, without its text, in the shape of a reply."""
    return Message("user", shown_parts(PLACEHOLDER), shape=reply.shape)


def is_text(prompt: Prompt) -> bool:
    """Whether the rendering is the whole prompt: a picture would be only a marker in it."""
    return all(message.is_text for message in prompt.messages)


def held_tokens(stats: CacheStats) -> int | None:
    """Tokens in the slot after a turn: all but the last one generated (server-context.cpp, `tokens_cached`)."""
    if stats.prompt_tokens is None or stats.generated_tokens is None:
        return None
    return stats.prompt_tokens + max(stats.generated_tokens - 1, 0)


def step_tokens(stats: CacheStats) -> int:
    """How many tokens to evaluate at once, by the rate of the turn's own prompt."""
    took_ms, tokens = stats.prompt_ms, stats.processed_tokens or 0
    if took_ms is None or not took_ms > 0 or tokens < RATE_TOKENS:
        return STEP_TOKENS // 2
    if tokens * STEP_MS >= STEP_TOKENS * took_ms:  # no division: the time may be near zero
        return STEP_TOKENS
    return max(int(tokens * STEP_MS / took_ms), LEAST_STEP_TOKENS)


def forms(reply: Message) -> tuple[Message, ...]:
    """The reply as clients give it back: with its reasoning, and without."""
    if not reply.reasoning:
        return (reply,)
    return (reply, changed(reply, reasoning=None))


def beginnings(rendered: str) -> tuple[str, ...]:
    """The rendering up to the placeholder, each way it may go on; empty if the placeholder is not in it."""
    known, found, _ = rendered.partition(PLACEHOLDER)
    return tuple(known + text for text in BEGINNINGS) if found else ()


def plan(held: Sequence[int], coming: Sequence[Sequence[int]]) -> Plan:
    """The beginning that all forms of the coming prompt share, and how much of it the slot holds."""
    first = coming[0]
    sure = min(shared_tokens(first, other) for other in coming)
    return Plan(tuple(first[:sure]), shared_tokens(held, first[:sure]))


def shared_tokens(one: Sequence[int], other: Sequence[int]) -> int:
    """The number of leading tokens that two prompts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
