"""Three proxies are one: a session that comes to the next of them at every request is repaired, counted and
explained as through one."""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from bench.sessions.agent_noises import AGENT_NOISES
from bench.sessions.changes import Draft, without_reasoning
from bench.sessions.client import result, scripted
from bench.sessions.noises import NOISES, Noise
from bench.sessions.script import load_script
from tests.agent_requests import requests_of
from tests.cases.replay import load, names, said
from tests.core.rules.noise import NOISE
from tests.corpus_pairs import PAIRS, Pair
from tests.fleet import Fleet
from tests.ledger_driver import Json
from warmprefix.config.patterns import VolatileText

Play = Callable[[Fleet], Awaitable[None]]

SCRIPT = load_script("household").first(3)
EVERY_RULE = ("freeze-volatile", "restore-transient-blocks", "freeze-tool-descriptions")
LIGHT: Json = {
    "type": "function",
    "function": {"name": "light", "description": "", "parameters": {"type": "object"}},
}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of the ledger may take its time here."""
    monkeypatch.setattr("warmprefix.stores.timed_reader.LIMIT_S", 10.0)


async def is_the_same(play: Play, enable: Sequence[str] = (), **canonicalize: object) -> None:
    """Play a session through one proxy and through three."""
    told = []
    for count in (1, 3):
        fleet = Fleet(count, enable, **canonicalize)
        try:
            await play(fleet)
        finally:
            await fleet.close()
        told.append(fleet.told)
    through_one, through_three = told

    assert len(through_one) > 1
    for one, three in zip(through_one, through_three, strict=True):
        assert three == one


def script(noise: Noise) -> Play:
    """A session with tools, whose client has this noise."""

    async def play(fleet: Fleet) -> None:
        history: list[Json] = [{"role": "system", "content": SCRIPT.system}]

        async def ask(messages: Sequence[Json], reply: Json) -> None:
            requests = sum(message["role"] == "assistant" for message in messages)
            draft = noise.change(Draft(tuple(messages), SCRIPT.tools, requests))
            await fleet.send({"messages": list(draft.messages), "tools": list(draft.tools)}, reply)

        for turn in SCRIPT.turns:
            history.append({"role": "user", "content": turn.user})
            for reply in turn.replies:
                message = scripted(reply, f"m{len(history)}", reasoning=True)
                await ask(history, message)
                calls = zip(message.get("tool_calls", ()), reply.calls, strict=True)
                history += [message, *(result(call, done.result) for call, done in calls)]
            if noise.side is not None:
                aside = {"role": "user", "content": "Write a title for this chat."}
                await ask([*history[: 1 if noise.side == "own prompt" else 3], aside], TITLE)

    return play


def by_turns(noise: Noise, *, is_alike: bool) -> Play:
    """Three such sessions, each of which has the next request. `is_alike`: all ask the same, and only the
    replies differ."""

    async def play(fleet: Fleet) -> None:
        sessions = [
            steps(noise, name, "" if is_alike else f" This is chat {name}.") for name in "abc"
        ]
        for requests in zip(*sessions, strict=True):
            for body, reply in requests:
                await fleet.send(body, reply)

    return play


def steps(noise: Noise, name: str, more: str = "") -> Iterator[tuple[Json, Json]]:
    """The requests of one of them, with the replies. `more`: what its client says besides."""
    history: list[Json] = [{"role": "system", "content": SCRIPT.system}]
    for turn in SCRIPT.turns[:2]:
        history.append({"role": "user", "content": turn.user + more})
        for reply in turn.replies:
            said = replace(reply, content=f"{reply.content.rstrip()} Yours, {name}.\n")
            message = scripted(said, f"m{len(history)}{name}", reasoning=True)
            requests = sum(message["role"] == "assistant" for message in history)
            draft = noise.change(Draft(tuple(history), SCRIPT.tools, requests))
            yield body(draft.messages, draft.tools), message
            calls = zip(message.get("tool_calls", ()), reply.calls, strict=True)
            history += [message, *(result(call, done.result) for call, done in calls)]


TITLE: Json = {"role": "assistant", "content": "A short line about it"}
PLAYED = [
    (noise, rules)
    for noise in NOISES
    if not (noise.agent or noise.slots or noise.forgets_at)
    for rules in dict.fromkeys([(), noise.enable])
]


AGENTS = {
    f"{noise.endpoint}-{noise.name}-{len(rules)}": (noise, rules)
    for noise in AGENT_NOISES
    for rules in dict.fromkeys([(), noise.enable])
    if noise.slots is None and noise.name != "all of these at once"
}
"""Not all at once: a new process then goes on without half of its history behind sub-agents that have said the
same word for word, and which of the two is meant is chance."""


@pytest.mark.parametrize("name", AGENTS)
async def test_an_agent_with_a_noise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claude Code and Codex: new processes, sub-agents, titles, summaries."""
    monkeypatch.setattr("bench.sessions.agent.TOOL_S", 0)
    noise, rules = AGENTS[name]
    asked = requests_of(noise, load_script("household"))

    async def play(fleet: Fleet) -> None:
        for path, request, headers, reply in asked:
            await fleet.ask(path, request, headers, reply)

    await is_the_same(play, rules)


REMEMBERED = ("history reloaded", "ids renamed", "reasoning dropped", "all of these at once")
BY_TURNS = [
    pytest.param(noise, rules, is_alike, id=f"{noise.name}-{len(rules)}-{is_alike}")
    for noise, rules in PLAYED
    if noise.side is None
    for is_alike in ((False, True) if noise.name in REMEMBERED else (False,))
]


@pytest.mark.parametrize(("noise", "rules"), PLAYED, ids=lambda value: getattr(value, "name", None))
async def test_a_session_with_a_noise(noise: Noise, rules: tuple[str, ...]) -> None:
    await is_the_same(script(noise), rules)


@pytest.mark.parametrize(("noise", "rules", "is_alike"), BY_TURNS)
async def test_sessions_with_a_noise_by_turns(
    noise: Noise, rules: tuple[str, ...], is_alike: bool
) -> None:
    """What one proxy sees of the backend, that it keeps what others ran behind, the others know too."""
    await is_the_same(by_turns(noise, is_alike=is_alike), rules)


@pytest.mark.parametrize("rules", [(), EVERY_RULE], ids=["default", "opt-ins"])
@pytest.mark.parametrize("name", names())
async def test_a_session_from_a_report(name: str, rules: tuple[str, ...]) -> None:
    async def play(fleet: Fleet) -> None:
        for number, step in enumerate(load(name)["steps"]):
            await fleet.send(step["body"], said(step["reply"], number), step.get("headers"))

    await is_the_same(play, rules)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
async def test_a_pair_of_the_corpus(pair: Pair) -> None:
    """The first request as it grew, each of its replies the model's; then both."""

    async def play(fleet: Fleet) -> None:
        for at, message in enumerate(pair.a):
            if message["role"] == "assistant":
                await fleet.send(body(pair.a[:at], pair.a_tools), message)
        await fleet.send(body(pair.a, pair.a_tools), TITLE)
        await fleet.send(body(pair.b, pair.b_tools), TITLE)

    await is_the_same(play, (pair.rule,) if pair.rule else ())


def body(messages: Sequence[Json], tools: Sequence[Json] | None) -> Json:
    return {"messages": list(messages), **({} if tools is None else {"tools": list(tools)})}


@pytest.mark.parametrize("rule", NOISE)
async def test_the_noise_of_a_rule_at_every_second_request(rule: str) -> None:
    function = {"name": "light", "arguments": '{"path":"a"}'}
    call: Json = {"id": "c", "type": "function", "function": function}
    calls: Json = {"role": "assistant", "content": "", "tool_calls": [call]}
    answer: Json = {"role": "assistant", "content": "It is on."}

    async def play(fleet: Fleet) -> None:
        history: list[Json] = [
            {"role": "system", "content": "You look after a house. " * 20},
            {"role": "user", "content": "Is the light on?\nAnd the door?"},
        ]
        for number in range(3):
            await fleet.send(body(history, [LIGHT]), calls)
            history += [calls, {"role": "tool", "tool_call_id": "c", "content": "on"}]
            await fleet.send(body(*NOISE[rule]((history, [LIGHT]))), answer)
            history += [answer, {"role": "user", "content": f"And now {number}?"}]

    await is_the_same(play)


async def test_tools_go_out_as_any_proxy_has_sent_them_first() -> None:
    """In another conversation, and with its members in another order."""
    tools = [{**LIGHT, "function": {**LIGHT["function"], "name": name}} for name in "abc"]

    async def play(fleet: Fleet) -> None:
        for number, offered in enumerate((tools, tools[::-1], [tools[1], tools[2], tools[0]])):
            question = {"role": "user", "content": f"Question {number}. " * 30}
            await fleet.send(body([question], offered), TITLE)
        sent = [json.loads(told.body)["tools"] for told in fleet.told]
        assert sent == [tools] * 3

    await is_the_same(play)


async def test_tools_stay_as_they_were_first_sent_behind_a_request_without_any() -> None:
    """A client that no profile knows asks for a title, with the history and no tools."""
    tools = [{**LIGHT, "function": {**LIGHT["function"], "name": name}} for name in "abc"]

    async def play(fleet: Fleet) -> None:
        question = {"role": "user", "content": "Is the light on? " * 20}
        reply = {"role": "assistant", "content": "It is on."}
        aside = {"role": "user", "content": "Write a title for this chat."}
        await fleet.send(body([question], tools), reply)
        await fleet.send(body([question, aside], None), TITLE)
        await fleet.send(body([question, reply, question], tools[::-1]), reply)
        assert json.loads(fleet.told[-1].body)["tools"] == tools

    await is_the_same(play)


async def test_a_branch_with_blocks_that_were_put_back() -> None:
    """The keys of the client's messages leave the blocks out."""

    async def play(fleet: Fleet) -> None:
        noise = next(noise for noise in NOISES if noise.name == "reminder in newest turn")
        asked = [*steps(noise, "a")]
        for request, reply in asked[:3]:
            await fleet.send(request, reply)
        request, _ = asked[1]
        aside = {"role": "user", "content": "Write a title for this chat."}
        await fleet.send({**request, "messages": [*request["messages"][:3], aside]}, TITLE)
        for request, reply in asked[3:]:
            bare = [without_reasoning(message) for message in request["messages"]]
            await fleet.send({**request, "messages": bare}, reply)

    await is_the_same(play, ("restore-transient-blocks",))


async def test_volatile_text_of_the_users_own() -> None:
    mood = VolatileText("mood", r"(?m)^Mood: .{1,40}$", "Mood: curious", "freeze", "")

    async def play(fleet: Fleet) -> None:
        history: list[Json] = [{"role": "user", "content": "Is the light on? " * 20}]
        for number in range(4):
            system = f"You look after a house.\nMood: {'very ' * number}curious\nBe brief."
            reply = {"role": "assistant", "content": f"It is on, {number}."}
            await fleet.send(
                body([{"role": "system", "content": system}, *history], [LIGHT]), reply
            )
            history += [reply, {"role": "user", "content": f"And now {number}?"}]
        systems = [json.loads(told.body)["messages"][0] for told in fleet.told]
        assert systems == systems[:1] * 4

    await is_the_same(play, ("freeze-volatile",), volatile=(mood,))


async def test_chats_that_look_alike() -> None:
    """One question in three chats, whose replies look alike; each goes on from its own."""

    def chat(name: str) -> list[Json]:
        reasoning = f"Thought of {name}. " * 20
        return [{"role": "assistant", "content": "Berth four.", "reasoning_content": reasoning}]

    async def play(fleet: Fleet) -> None:
        start: list[Json] = [{"role": "user", "content": "Which berth is free? " * 20}]
        chats = {name: list(start) for name in ("one", "two", "three")}
        for number in range(4):
            for name, history in chats.items():
                (reply,) = chat(f"{name} {number}")
                await fleet.send(body(history, None), reply, {"x-session-id": name})
                visible = {"role": "assistant", "content": "Berth four."}
                history += [visible, {"role": "user", "content": f"And later {number}, {name}?"}]

    await is_the_same(play)


async def test_a_fork_and_a_regenerated_reply() -> None:
    async def play(fleet: Fleet) -> None:
        history: list[Json] = [{"role": "user", "content": "Tell me of the harbour. " * 20}]
        for number in range(3):
            reply = {"role": "assistant", "content": f"Part {number}. " * 20}
            await fleet.send(body(history, None), reply)
            history += [reply, {"role": "user", "content": f"Go on {number}."}]
        for number in range(2):
            await fleet.send(
                body(history, None), {"role": "assistant", "content": f"Try {number}."}
            )
        fork = [*history[:3], {"role": "user", "content": "And the ships?"}]
        for _ in range(2):
            await fleet.send(body(fork, None), {"role": "assistant", "content": "Many ships."})
            await fleet.send(body(history, None), {"role": "assistant", "content": "Try 2."})

    await is_the_same(play)


async def test_a_session_is_known_by_its_id_although_its_beginning_has_changed() -> None:
    async def play(fleet: Fleet) -> None:
        headers = {"x-session-id": "one"}
        question = {"role": "user", "content": "Which berth is free? " * 20}
        for number in range(4):
            system = {"role": "system", "content": "You look after a harbour. " * 20 + "x" * number}
            await fleet.send(body([system, question], [LIGHT]), TITLE, headers)

    await is_the_same(play)
