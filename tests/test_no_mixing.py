"""However conversations, forks and edits interleave, bytes never wander between histories that differ."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger_driver import PATH, Driver, Json

WORDS = ("alpha", "beta", "gamma")
"""Few words, so that unrelated conversations often begin alike."""

Step = tuple[str, int, str, str]
steps = st.lists(
    st.tuples(
        st.sampled_from(("new", "go on", "fork", "edit", "reload")),
        st.integers(0, 7),
        st.sampled_from(WORDS),
        st.sampled_from(WORDS),
    ),
    min_size=1,
    max_size=14,
)


def visible(messages: list[Json]) -> list[str]:
    """What a person would see of a history."""
    return [f"{m['role']}:{(m.get('content') or '').strip()}" for m in messages]


def own(message: Json) -> str | None:
    """What the model thought when it generated a message, as far as its client ever knew."""
    mark: str | None = message.get("reasoning_content") or message.get("own")
    return mark


class World:
    """Clients that hold conversations, and a model whose every reply is marked where nobody sees it.

    A client that has dropped what the model thought keeps the mark to itself, as `own`.
    """

    def __init__(self) -> None:
        self.driver = Driver()
        self.conversations: list[list[Json]] = []
        self.origin: dict[str, list[str]] = {}

    def history(self, step: Step) -> list[Json]:
        """The messages of the next request."""
        action, which, word, _ = step
        if action == "new" or not self.conversations:
            self.conversations.append([{"role": "system", "content": "You help."}])
            return [*self.conversations[-1], {"role": "user", "content": word}]
        history = self.conversations[which % len(self.conversations)]
        if action == "fork":
            history = history[: 1 + 2 * (which % (len(history) // 2 + 1))]
        elif action == "edit":
            at = which % len(history)
            history = [
                *history[:at],
                {**history[at], "content": f"edited {word}"},
                *history[at + 1 :],
            ]
        elif action == "reload":
            history = [
                {"role": m["role"], "content": m["content"].strip(), "own": own(m)} for m in history
            ]
        if history[-1]["role"] == "user":
            history = history[:-1]
        return [*history, {"role": "user", "content": word}]

    async def take(self, step: Step, number: int) -> None:
        messages = self.history(step)
        reply = {
            "role": "assistant",
            "content": f"{step[3]}{' ' * (number % 3)}",
            "reasoning_content": f"mark {number}",
        }
        given = [{k: v for k, v in message.items() if k != "own"} for message in messages]
        body = await self.driver.send(given, reply=reply)
        self.check(messages, body["messages"])
        seen = visible([*messages, reply])
        self.origin[f"mark {number}"] = seen
        self.conversations.append([*messages, reply])

    def check(self, messages: list[Json], sent: list[Json]) -> None:
        assert visible(sent) == visible(messages)
        for at, message in enumerate(sent):
            mark = message.get("reasoning_content")
            if mark is not None and "reasoning_content" not in messages[at]:
                seen = visible(messages[: at + 1])
                assert self.origin[mark] == seen, json.dumps(sent)
                if sum(other == seen for other in self.origin.values()) > 1:
                    assert mark == own(messages[at]), json.dumps(sent)


@settings(max_examples=150)
@given(steps)
def test_bytes_never_mix_between_conversations_whose_visible_text_differs(
    taken: list[Step],
) -> None:
    """Reasoning that is put back was generated behind exactly the history it is put into, and if that was so
    more than once, in the very conversation."""

    async def run() -> None:
        world = World()
        for number, step in enumerate(taken):
            await world.take(step, number)
        assert not world.driver.counters.fail_open

    asyncio.run(run())


Headers = dict[str, str]
USER = "x-openwebui-user-id"
APART: list[tuple[Headers, Headers]] = [
    ({"authorization": "Bearer one"}, {"authorization": "Bearer two"}),
    ({"x-api-key": "one"}, {"x-api-key": "two"}),
    ({"api-key": "one"}, {"api-key": "two"}),
    ({"x-api-key": "one"}, {}),
    ({"x-api-key": "one"}, {"authorization": "one"}),
    ({"x-api-key": "one"}, {"api-key": "one"}),
    ({"authorization": "one", "x-api-key": "two"}, {"authorization": "one\ntwo"}),
    ({"authorization": "one", "x-api-key": "two"}, {"authorization": "two", "x-api-key": "one"}),
    ({"authorization": "Bearer one", USER: "ann"}, {"authorization": "Bearer one", USER: "bob"}),
    ({"authorization": "Bearer one", USER: "ann"}, {"authorization": "Bearer one"}),
    ({USER: "ann"}, {"authorization": "ann"}),
    ({USER: "ann"}, {USER: "ann, bob"}),
    ({USER: "ann", "x-team": "b"}, {USER: "ann", "x-team": "c"}),
    ({USER: "ann", "x-team": ""}, {USER: "", "x-team": "ann"}),
]
"""The headers of two users."""


@pytest.mark.parametrize(("one", "two"), [*APART, *((two, one) for one, two in APART)])
@pytest.mark.parametrize("path", [PATH, "/v1/messages"])
async def test_no_user_is_shown_the_memory_of_another(
    one: Headers, two: Headers, path: str
) -> None:
    driver = Driver(scope_headers=("X-OpenWebUI-User-Id", "X-Team"), path=path)
    history = [{"role": "user", "content": "Hello"}]
    said, heard = (
        ({"role": "assistant", "content": "Hi  "}, "Hi")
        if path == "/v1/messages"
        else ({"role": "assistant", "content": "Hi", "reasoning_content": "private"}, "Hi")
    )
    await driver.send(history, reply=said, headers=one)

    went_on = [
        *history,
        {"role": "assistant", "content": heard},
        {"role": "user", "content": "And?"},
    ]
    other = await driver.send(went_on, headers=two)
    indexes = [driver.place.index]
    own = await driver.send(went_on, headers=one)
    indexes.append(driver.place.index)

    assert indexes == [0, 1]
    if path == PATH:
        assert "reasoning_content" not in other["messages"][1]
        assert own["messages"][1]["reasoning_content"] == "private"


async def test_headers_that_are_not_named_tell_nobody_apart() -> None:
    driver = Driver()
    history = [{"role": "user", "content": "Hello"}]
    await driver.send(history, reply={"role": "assistant", "content": "Hi"}, headers={USER: "ann"})

    went_on = [
        *history,
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "And?"},
    ]
    await driver.send(went_on, headers={USER: "bob"})

    assert driver.place.index == 1


async def test_a_session_id_means_nothing_under_another_credential() -> None:
    """The history is shorter than the one before, as after a compaction."""
    driver = Driver()
    head = {"role": "system", "content": "Be brief."}
    history = [head, *({"role": "user", "content": f"Question {at}"} for at in range(4))]
    session = {"x-session-id": "s"}
    short = [head, {"role": "user", "content": "Summary of all that was said"}]
    await driver.send(history, headers={**session, "authorization": "Bearer one"})
    first = driver.place.conversation

    await driver.send(short, headers={**session, "authorization": "Bearer two"})
    other = driver.place.conversation
    await driver.send(short, headers={**session, "authorization": "Bearer one"})

    assert other != first
    assert driver.place.conversation == first
