"""The plans of `bench never_worse` can be played, and its law is the one that it states."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench.never_worse.plan import Ask, Fork, Plan
from bench.never_worse.player import counted, joined
from bench.never_worse.rig import play
from bench.never_worse.scenes import SCENES, Scene
from bench.never_worse.settings import MODELS, SETTINGS
from bench.never_worse.traffic import KINDS, plan_of
from bench.never_worse.verdict import Pair, Row
from tests.servers.stock import stock_binary


def pair(direct: int, through: int, *, strict: bool = False) -> Pair:
    return Pair(1, "chats", 10, strict, direct, through, 0)


def roles_while_playing(plan: Plan) -> list[list[str]]:
    """The roles of each history when a request is sent, kept as a player keeps them."""
    histories = {name: [m["role"] for m in first] for name, first in plan.systems.items()}
    seen = []
    for step in plan.steps:
        if isinstance(step, Fork):
            kept = len(histories[step.who]) - step.drop
            histories[step.into] = histories[step.who][:kept]
        if isinstance(step, Ask):
            history = histories[step.who]
            assert step.drop <= len(history)
            del history[len(history) - step.drop :]
            new = [message["role"] for message in step.new]
            seen.append([*history, *new] if step.base == "history" else new)
            if step.kept:
                history += [*new, "assistant"]
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_a_plan_is_a_conversation_that_people_have(seed: int) -> None:
    """Whatever is taken back, a request ends with what somebody said, or with results of its calls."""
    for roles in roles_while_playing(plan_of(seed)):
        assert roles[-1] in ("user", "tool")
        assert "system" not in roles[1:]
        for before, role in pairwise(roles):
            assert role != "user" or before in ("assistant", "system")
            assert role != "tool" or before in ("assistant", "tool")


def test_a_plan_is_a_function_of_its_seed() -> None:
    assert plan_of(3) == plan_of(3)
    assert plan_of(3) != plan_of(9)


def test_every_kind_of_traffic_is_planned() -> None:
    assert {plan_of(seed).kind for seed in range(len(KINDS))} == set(KINDS)


def test_conversations_of_all_endpoints_are_planned() -> None:
    """Coding agents that are started again and give tasks to sub-agents are among them."""
    natives = [
        step.native
        for seed in range(60)
        for step in plan_of(seed).steps
        if isinstance(step, Ask) and step.native is not None
    ]

    assert {native.endpoint for native in natives} == {"messages", "responses"}
    assert any(native.agent for native in natives)
    assert any(native.process > 1 for native in natives)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_names_servers_that_there_are(scene: Scene) -> None:
    assert set(scene.settings) <= set(SETTINGS)


@pytest.mark.parametrize(
    ("one", "broken"),
    [
        (pair(1000, 1060), False),
        (pair(1000, 1061), True),
        (pair(1000, 1010, strict=True), False),
        (pair(1000, 1011, strict=True), True),
        (replace(pair(1000, 900), failed=1), True),
        (replace(pair(1000, 900), sleepless=1), True),
    ],
)
def test_the_law_of_a_plan(one: Pair, broken: bool) -> None:
    assert (one.broken() is not None) == broken


def test_the_law_of_a_setting_is_about_the_sum() -> None:
    """A plan may lose a little if others gain it; in parallel a single plan is left to chance."""
    row = Row("no flags", "full", [pair(1000, 1050), pair(1000, 950)])
    unlucky = Row("no flags", "full", [pair(1000, 1500), pair(1000, 100)])

    assert not row.broken(parallel=False)
    assert len(unlucky.broken(parallel=False)) == 1
    assert not unlucky.broken(parallel=True)
    row.pairs.append(pair(1000, 1001))
    assert len(row.broken(parallel=False)) == 1


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ({"timings": {"cache_n": 7, "prompt_n": 3}}, (10, 3)),
        ({"usage": {"cache_read_input_tokens": 7, "input_tokens": 3}}, (10, 3)),
        ({"usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 7}}}, (10, 3)),
    ],
    ids=["chat", "messages", "responses"],
)
def test_counts_are_the_servers_own(answer: dict[str, object], counts: tuple[int, int]) -> None:
    assert counted(answer) == counts


def test_a_streamed_reply_is_put_together() -> None:
    stream = (
        b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n'
        b'data: {"choices":[{"delta":{"reasoning_content":"Hm."}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"He"}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"llo"}}],"timings":{"cache_n":1,"prompt_n":2}}\n\n'
        b"data: [DONE]\n\n"
    )

    answer = joined(stream)

    said = {"role": "assistant", "content": "Hello", "reasoning_content": "Hm."}
    assert answer["choices"][0]["message"] == said
    assert counted(answer) == (3, 2)


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
@pytest.mark.parametrize("seed", [5, 403], ids=["chats-and-responses", "messages"])
def test_the_same_plan_costs_the_same_and_the_sum_is_what_the_server_evaluated(seed: int) -> None:
    plan, setting, model = plan_of(seed), SETTINGS["no flags"], MODELS["full"]

    one = play(plan, setting, model, through=False)
    other = play(plan, setting, model, through=False)

    tokens = [(count.prompt_tokens, count.processed_tokens) for count in one.counts]
    assert tokens == [(count.prompt_tokens, count.processed_tokens) for count in other.counts]
    assert one.total == one.processed


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
def test_a_restart_between_housekeeping_costs_what_was_lost_and_no_more() -> None:
    """What a restart takes is no sign that the turns after it take each other's cache."""
    plan, setting, model = plan_of(902, "web chat"), SETTINGS["no flags"], MODELS["full"]

    direct, through = (play(plan, setting, model, through=way) for way in (False, True))

    assert through.processed <= direct.processed + len(through.counts)
