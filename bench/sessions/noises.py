"""NOISES: the one list of what clients do to their requests, with the class and the goal of each."""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from bench.sessions import changes
from bench.sessions.agent import Agent
from bench.sessions.changes import Change, each
from bench.sessions.client import Side

Risk = Literal["lossless", "neutral", "meaning", "slots", "control"]
Endpoint = Literal["chat", "messages", "responses"]
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)

GOALS: dict[Risk, float] = {"lossless": 1.02, "neutral": 1.02, "meaning": 1.05, "slots": 1.02}
"""Highest ratio of tokens processed through the proxy to those of a client without the noise. A control has no
goal: the client really says something else, and the proxy need only be "never worse".
"""


@dataclass(frozen=True, slots=True)
class Noise:
    """One habit. `clean`: the same client without it; `enable`: the opt-in rules that are meant for it.

    `side`: a request of the client's own that comes after every user turn. `forgets_at`: the proxy loses its
    memory before this user turn, counted from 1. `slots`: the value of `--parallel`, None if it is not given.
    `agent`: the client of another endpoint, which has habits instead of changes; `clean_agent`: the same
    without the noise.
    """

    name: str
    risk: Risk
    change: Change
    source: str
    clean: Change = changes.nothing
    enable: tuple[str, ...] = ()
    side: Side | None = None
    slots: int | None = None
    forgets_at: int | None = None
    endpoint: Endpoint = "chat"
    agent: Agent | None = None
    clean_agent: Agent | None = None


ALL_AT_ONCE = changes.together(
    changes.reload_at(3),
    each(changes.sorted_arguments),
    each(changes.stripped_text),
    each(changes.without_reasoning),
    changes.late_results_first,
    changes.renamed_ids,
    changes.shuffled_tools,
    changes.shuffled_schemas,
)


def _clock(name: str, rule: str, *, at_the_top: bool) -> Noise:
    clock = partial(changes.with_clock, at_the_top=at_the_top)
    source = "https://github.com/home-assistant/core/issues/133687"
    return Noise(
        name, "meaning", partial(clock, runs=True), source, partial(clock, runs=False), (rule,)
    )


NOISES: tuple[Noise, ...] = (
    Noise("clean", "lossless", changes.nothing, "no noise at all: the proxy must not add any"),
    Noise(
        "arguments sorted",
        "lossless",
        each(changes.sorted_arguments),
        "https://github.com/NousResearch/hermes-agent/pull/7875",
    ),
    Noise(
        "history reloaded",
        "neutral",
        changes.reload_at(3),
        "https://github.com/NousResearch/hermes-agent/issues/4555",
    ),
    Noise(
        "texts stripped",
        "neutral",
        each(changes.stripped_text),
        "hermes-agent 0.19.0, agent/conversation_loop.py:1049",
    ),
    Noise(
        "ids renamed",
        "lossless",
        changes.renamed_ids,
        "clients that keep calls under ids of their own",
    ),
    Noise(
        "tools shuffled",
        "neutral",
        changes.shuffled_tools,
        "https://github.com/NousResearch/hermes-agent/pull/28871",
    ),
    Noise(
        "schema keys shuffled",
        "lossless",
        changes.shuffled_schemas,
        "https://github.com/sgl-project/sglang/pull/34553",
    ),
    Noise(
        "reasoning dropped",
        "lossless",
        each(changes.without_reasoning),
        "https://github.com/anomalyco/opencode/issues/19081",
    ),
    Noise(
        "reasoning as `reasoning`",
        "lossless",
        each(changes.misnamed_reasoning),
        "https://github.com/NousResearch/hermes-agent/issues/76018",
    ),
    Noise(
        "reasoning in the text",
        "lossless",
        each(changes.reasoning_as_text),
        "gptme 0.35.1, `<think>` inside content",
    ),
    Noise(
        "late results first",
        "neutral",
        changes.late_results_first,
        "clients that run a batch at once and store it in order",
    ),
    Noise(
        "all of these at once",
        "neutral",
        ALL_AT_ONCE,
        "the noises above",
    ),
    Noise(
        "reminder in newest turn",
        "meaning",
        partial(changes.with_reminders, newest_only=True),
        "https://github.com/antirez/ds4/issues/364",
        partial(changes.with_reminders, newest_only=False),
        ("restore-transient-blocks",),
    ),
    _clock("clock at top, frozen", "freeze-volatile", at_the_top=True),
    _clock("clock at top, moved", "move-volatile", at_the_top=True),
    _clock("clock at end, frozen", "freeze-volatile", at_the_top=False),
    _clock("clock at end, moved", "move-volatile", at_the_top=False),
    *(
        Noise(
            f"side request, {side}, {name}",
            "slots",
            changes.nothing,
            "https://github.com/ggml-org/llama.cpp/pull/22083",
            side=side,
            slots=slots,
        )
        for side in ("own prompt", "shared prompt")
        for slots, name in ((None, "no flags"), (1, "1 slot"), (2, "2 slots"))
    ),
    Noise(
        "first words edited",
        "control",
        changes.edited_at(4),
        "a person who edits the first message and goes on",
    ),
    Noise(
        "tool added",
        "control",
        changes.tool_added_at(3),
        "https://github.com/QwenLM/qwen-code/pull/10410",
    ),
    Noise(
        "memory lost, no noise",
        "control",
        changes.nothing,
        "a proxy that is restarted with store = memory",
        forgets_at=3,
    ),
    Noise(
        "memory lost, all noises",
        "control",
        ALL_AT_ONCE,
        "a proxy that is restarted with store = memory",
        forgets_at=3,
    ),
)
