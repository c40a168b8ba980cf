"""What may happen to the requests of a conversation.

Each function draws from a state of chance once for a conversation; all its requests share what was drawn.
"""

import json
import random
from collections.abc import Callable
from dataclasses import replace

from bench.causes.conversation import Damage, Draft, Json
from bench.never_worse.texts import text

Make = Callable[[random.Random], Damage]


def users(draft: Draft) -> list[int]:
    """Positions of the user messages."""
    return [at for at, message in enumerate(draft.messages) if message["role"] == "user"]


def with_text(draft: Draft, at: int, content: object) -> Draft:
    """The draft with another content of one message."""
    messages = list(draft.messages)
    messages[at] = {**messages[at], "content": content}
    return replace(draft, messages=tuple(messages))


def inserted(draft: Draft, at: int, message: Json) -> Draft:
    """The draft with one message more."""
    messages = list(draft.messages)
    messages.insert(at, message)
    return replace(draft, messages=tuple(messages))


def clock(n: int) -> str:
    """A time of day that goes on with each request."""
    return f"{8 + n // 60:02}:{n % 60:02}:{(n * 37) % 60:02}"


SIGNED: tuple[Callable[[int], str], ...] = (
    lambda n: f"Current time: 2031-05-06 {clock(n)}",
    lambda n: f"It is now {clock(n)} on May 6, 2031.",
    lambda n: f"Messages: {12 + 2 * n}",
    lambda n: f"Context: {12000 + 731 * n} / 200000 tokens used ({6 + n}%)",
    lambda n: f"Session id: 7f3a{n:04x}-11ee-4b1c-9d77-0242ac12{n:04x}",
    lambda n: f"Uptime: {3 + n}m {7 * n % 60}s",
    lambda n: f"Aktuelle Uhrzeit: {8 + n // 60:02}:{n % 60:02} Uhr",
    lambda n: f'<env time="2031-05-06T{clock(n)}Z"/>',
    lambda n: f"(generated 2031-05-06T{clock(n)}Z, 7 files)",
)
UNSIGNED: tuple[Callable[[int], str], ...] = (
    lambda n: f"{12 + 2 * n} messages so far",
    lambda n: f"Pulse {71 + 3 * n % 17}",
    lambda n: f"[{n + 4}]",
    lambda n: f"You have talked {n + 3} times to this person.",
    lambda n: f"salience={0.31 + n / 100:.2f}",
    lambda n: f"Step {n + 1} of the plan is running.",
    lambda n: f"The ticket board shows {30 + n} cards, {n + 2} of them mine.",
)


DATED: tuple[Callable[[int], str], ...] = (
    lambda n: f"Today's date: May {6 + n}, 2031",
    lambda n: (
        f"Today is {('Tuesday', 'Wednesday', 'Thursday', 'Friday')[n % 4]}, 2031-05-{6 + n:02}."
    ),
    lambda n: f"- Date: {6 + n:02}.05.2031",
)


def ticking(
    texts: tuple[Callable[[int], str], ...], where: tuple[str, ...], *, daily: bool = False
) -> Make:
    """A line that changes with each request, or `daily` with each turn, in one of these places."""

    def make(chance: random.Random) -> Damage:
        line, place = chance.choice(texts), chance.choice(where)
        return lambda draft: _put(draft, line(draft.turn if daily else draft.number), place)

    return make


def _put(draft: Draft, line: str, place: str) -> Draft:
    if place.startswith("system"):
        old = draft.messages[0]["content"]
        if place == "system top":
            return with_text(draft, 0, f"{line}\n\n{old}")
        if place == "system end":
            return with_text(draft, 0, f"{old}\n\n{line}")
        head, _, rest = old.partition("\n\n")
        return with_text(draft, 0, f"{head}\n{line}\n\n{rest}")
    at = users(draft)[0]
    old = draft.messages[at]["content"]
    if place == "block in first user":
        return with_text(
            draft, at, f"<environment_details>\n{line}\n</environment_details>\n\n{old}"
        )
    assert place == "own user in front"
    return inserted(draft, 1, {"role": "user", "content": f"<context>\n{line}\n</context>"})


SYSTEM = ("system top", "system middle", "system end")


def growing_list(chance: random.Random) -> Damage:
    """Lines that appear later in the instructions: what is remembered of the user."""
    facts = [f"- {text(chance, 50)}" for _ in range(40)]
    title = chance.choice(("# Memories", "Known facts:", "<memory>"))

    def change(draft: Draft) -> Draft:
        shown = "\n".join(facts[: 2 + draft.turn])
        return with_text(draft, 0, f"{draft.messages[0]['content']}\n\n{title}\n{shown}")

    return change


def from_turn(turn: int, change: Damage) -> Damage:
    """The change, from a turn on."""

    return lambda draft: change(draft) if draft.turn >= turn else draft


def edit_question(chance: random.Random) -> Damage:
    """The first question gets a word more."""
    return _worded(chance, question=0, turn=1)


def edit_late(chance: random.Random) -> Damage:
    """The question of the second turn gets a word more, in the third."""
    return _worded(chance, question=1, turn=2)


def _worded(chance: random.Random, question: int, turn: int) -> Damage:
    word = text(chance, 12)

    def change(draft: Draft) -> Draft:
        at = users(draft)[question]
        old = draft.messages[at]["content"]
        return with_text(draft, at, old.replace("look at the ", f"look at {word} ", 1))

    return from_turn(turn, change)


def edit_reply(_: random.Random) -> Damage:
    """The first reply gets words that nobody has generated."""

    def change(draft: Draft) -> Draft:
        at = next(k for k, m in enumerate(draft.messages) if m["role"] == "assistant")
        return with_text(draft, at, f"{draft.messages[at]['content']} {text(random.Random(3), 40)}")

    return from_turn(1, change)


def edit_system(chance: random.Random) -> Damage:
    """The first rule gets words more."""

    more = text(chance, 60)

    def change(draft: Draft) -> Draft:
        return with_text(draft, 0, draft.messages[0]["content"].replace("- ", f"- {more} ", 1))

    return from_turn(1, change)


def prune_results(_: random.Random) -> Damage:
    """All but the newest two results are cleared."""

    def change(draft: Draft) -> Draft:
        messages = list(draft.messages)
        results = [at for at, m in enumerate(messages) if m["role"] == "tool"]
        for at in results[:-2]:
            messages[at] = {**messages[at], "content": "[Old tool result content cleared]"}
        return replace(draft, messages=tuple(messages))

    return change


def window(_: random.Random) -> Damage:
    """Only the newest two turns are sent."""

    def change(draft: Draft) -> Draft:
        at = users(draft)
        if len(at) < 3:
            return draft
        return replace(draft, messages=(draft.messages[0], *draft.messages[at[-2] :]))

    return change


def window_messages(chance: random.Random) -> Damage:
    """Only so many of the newest messages are sent."""

    most = chance.choice((5, 6, 7))

    def change(draft: Draft) -> Draft:
        rest = list(draft.messages[1:])[-most:]
        while rest and rest[0]["role"] == "tool":
            rest.pop(0)
        return replace(draft, messages=(draft.messages[0], *rest))

    return change


def compaction(chance: random.Random) -> Damage:
    """A summary that others have written stands for the first turn."""

    summary = text(chance, 300)

    def change(draft: Draft) -> Draft:
        at = users(draft)
        if len(at) < 3:
            return draft
        head = {"role": "user", "content": f"Summary of the conversation so far: {summary}"}
        return replace(draft, messages=(draft.messages[0], head, *draft.messages[at[1] :]))

    return change


def tool_more(chance: random.Random) -> Damage:
    """Another tool."""

    parameters = {"type": "object", "properties": {}}
    function = {"name": "send_mail", "description": text(chance, 60), "parameters": parameters}
    tool = {"type": "function", "function": function}
    return from_turn(1, lambda d: replace(d, tools=(*d.tools, tool)))


def tool_description(_: random.Random) -> Damage:
    """The first tool is described otherwise in each turn."""

    def change(draft: Draft) -> Draft:
        one = draft.tools[0]
        description = text(random.Random(draft.turn), 50)
        other = {**one, "function": {**one["function"], "description": description}}
        return replace(draft, tools=(other, *draft.tools[1:]))

    return change


def tool_schema(_: random.Random) -> Damage:
    """The first tool has other parameters."""

    def change(draft: Draft) -> Draft:
        one = draft.tools[0]
        parameters = {"type": "object", "properties": {"file": {"type": "string"}}}
        other = {**one, "function": {**one["function"], "parameters": parameters}}
        return replace(draft, tools=(other, *draft.tools[1:]))

    return from_turn(1, change)


def shuffled_tools(_: random.Random) -> Damage:
    """The tools in another order in each request."""

    def change(draft: Draft) -> Draft:
        tools = list(draft.tools)
        random.Random(draft.number).shuffle(tools)
        return replace(draft, tools=tuple(tools))

    return change


def options(**members: object) -> Make:
    """Other members of the body."""

    def make(_: random.Random) -> Damage:
        return from_turn(1, lambda d: replace(d, members=dict(members)))

    return make


def stripped(_: random.Random) -> Damage:
    """Replies with other edges."""

    def change(draft: Draft) -> Draft:
        replies = (
            at for at, message in enumerate(draft.messages) if message["role"] == "assistant"
        )
        for at in replies:
            draft = with_text(draft, at, f"{draft.messages[at]['content'].strip()}\n")
        return draft

    return change


def double_spaces(_: random.Random) -> Damage:
    """The first question with other white space."""

    def change(draft: Draft) -> Draft:
        at = users(draft)[0]
        return with_text(draft, at, draft.messages[at]["content"].replace(" ", "  "))

    return from_turn(1, change)


def nothing(_: random.Random) -> Damage:
    """The draft itself."""

    return lambda draft: draft


def system_line(*, question: int, turn: int) -> Make:
    """A line of instructions in front of a question, which comes in this turn and stays."""

    def make(chance: random.Random) -> Damage:
        line = {"role": "system", "content": f"From now on: {text(chance, 60)}."}
        return from_turn(turn, lambda draft: inserted(draft, users(draft)[question], line))

    return make


def other_system(turn: int, *, has_session: bool = False) -> Make:
    """Quite other instructions, from a turn on. `has_session`: each request says of which session it is."""

    def make(chance: random.Random) -> Damage:
        other = text(chance, 700)
        headers = {"x-session-id": f"ses-{chance.getrandbits(64):016x}"} if has_session else {}
        change = from_turn(turn, lambda draft: with_text(draft, 0, other))
        return lambda draft: replace(change(draft), headers=headers)

    return make


def model_name(chance: random.Random) -> Damage:
    """Instructions that name the model, and from the third turn on another one."""
    old, new = (text(chance, 8).replace(" ", "-") for _ in range(2))

    def change(draft: Draft) -> Draft:
        line = f"Model: {old if draft.turn < 2 else new}-7b"
        return with_text(draft, 0, f"{draft.messages[0]['content']}\n\n{line}")

    return change


def calls_stored_anew(_: random.Random) -> Damage:
    """Calls under other ids, with arguments that are written otherwise."""

    def stored(call: Json) -> Json:
        function = call["function"]
        members = json.loads(function["arguments"])
        arguments = json.dumps(dict(sorted(members.items())), separators=(",", ":"))
        return {**call, "id": f"x{call['id']}", "function": {**function, "arguments": arguments}}

    def anew(message: Json) -> Json:
        if "tool_calls" in message:
            return {**message, "tool_calls": [*map(stored, message["tool_calls"])]}
        if "tool_call_id" in message:
            return {**message, "tool_call_id": f"x{message['tool_call_id']}"}
        return message

    return lambda draft: replace(draft, messages=tuple(map(anew, draft.messages)))


def dropped_first(_: random.Random) -> Damage:
    """The first question with its answer drops out for good."""

    def change(draft: Draft) -> Draft:
        at = users(draft)
        return replace(draft, messages=(draft.messages[0], *draft.messages[at[1] :]))

    return from_turn(2, change)
