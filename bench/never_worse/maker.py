"""Makes the steps of a plan: conversations, and what their users, clients and models do."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bench.never_worse.plan import Ask, Base, Fork, Json, Native, Other, Pause, Step
from bench.never_worse.texts import between
from bench.sessions.agent import Habits
from tests.builders import system, user

_HISTORY = "\n### Chat History:\n<chat_history>\n{history}\n</chat_history>"
TITLE = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history."
    + _HISTORY
)
TAGS = (
    "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history."
    + _HISTORY
)
FOLLOW_UPS = (
    "### Task:\nSuggest 3-5 relevant follow-up questions that the user might ask next." + _HISTORY
)
TASKS = (TITLE, TAGS, FOLLOW_UPS)
SHARED_TASKS = (
    "Generate a short title for this chat.",
    "Suggest three questions that the user may ask next, one a line.",
    "Name two tags for this conversation.",
)
TITLE_SYSTEM = "You are a title generator. Answer with a title of five words and nothing else."
NEUTRAL = ("stripped", "arguments sorted", "reasoning dropped", "ids renamed", "stored")
LOUD = ("tools shuffled", "schemas shuffled", "reminder", "clock")


def _tool(name: str, *arguments: str) -> Json:
    properties = {one: {"type": "string", "description": f"The {one} to use."} for one in arguments}
    schema = {"type": "object", "properties": properties, "required": list(arguments[:1])}
    told = f"Use {name} when you need it; it answers with text."
    return {
        "type": "function",
        "function": {"name": name, "description": told, "parameters": schema},
    }


TOOLS = [
    _tool("read_file", "path", "offset"),
    _tool("run_command", "command", "folder"),
    _tool("search", "pattern", "folder"),
]


@dataclass(slots=True)
class Client:
    """One conversation while its plan is made. `sizes`: messages of each turn in its history; `native`: of
    which endpoint it is, if it is no chat."""

    name: str
    options: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    noises: tuple[str, ...] = ()
    sizes: list[int] = field(default_factory=list)
    native: Native | None = None

    @property
    def turns(self) -> int:
        """Turns in its history."""
        return len(self.sizes)


class Maker:
    """Makes the steps of one plan."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._of_endpoints = random.Random(
            f"endpoints {seed}"
        )  # apart: what else happens stays the same
        self.steps: list[Step] = []
        self.systems: dict[str, tuple[Json, ...]] = {}
        self.clients: list[Client] = []
        self._named = 0

    def client(
        self, system_text: str | None, tools: Sequence[Json] = (), native: float = 0.3
    ) -> Client:
        """A new conversation with habits of its own. `native`: how often it is one of another endpoint."""
        chance = self.chance
        made = self.plain_client(system_text)
        if chance.random() < 0.4:
            made.headers = {"X-OpenWebUI-Chat-Id": f"chat-{chance.getrandbits(48):x}"}
        if system_text is not None and self._of_endpoints.random() < native:
            made.native, made.headers = self._native(), {}
        made.noises = self._habits()
        made.options = {"stream": True} if chance.random() < 0.5 else {}
        if tools:
            made.options = {**made.options, "tools": list(tools)}
        return made

    def plain_client(self, system_text: str | None) -> Client:
        """A new conversation of a client that stores everything unchanged."""
        made = Client(chr(ord("a") + len(self.clients)))
        self.systems[made.name] = () if system_text is None else (system(system_text),)
        self.clients.append(made)
        return made

    def say(self, client: Client) -> None:
        """One more turn: a user message, tool calls with their results, an answer."""
        new: tuple[Json, ...] = (user(between(self.chance, 20, 400)),)
        size = 0
        for _ in range(self.chance.choice((0, 1, 1, 2, 3)) if "tools" in client.options else 0):
            said = self._calls(client.options["tools"])
            self.ask(client, new=new, reply=said)
            size += len(new) + 1
            new = tuple(self._result(call) for call in said["tool_calls"])
        self.ask(client, new=new)
        client.sizes.append(size + len(new) + 1)

    def ask(self, client: Client, **fields: Any) -> None:
        """A request of this client; `fields` are those of Ask."""
        options = {**client.options, **fields.pop("options", {})}
        fields.setdefault("reply", self._answer())
        self.steps.append(
            Ask(
                client.name,
                noises=client.noises,
                options=options,
                headers=client.headers,
                native=client.native,
                **fields,
            )
        )

    def retry(self, client: Client) -> None:
        """The same question again: the user was not satisfied."""
        if client.turns:
            self.ask(client, drop=1)

    def edit(self, client: Client) -> None:
        """An earlier question is rephrased; everything after it is dropped."""
        if client.turns:
            back = min(client.turns, self.chance.choice((1, 1, 2, 3)))
            drop = sum(client.sizes[-back:])
            self.ask(client, drop=drop, new=(user(between(self.chance, 20, 400)),))
            client.sizes[-back:] = [2]

    def fork(self, client: Client) -> None:
        """The conversation goes on in two ways from here, or from an earlier point."""
        if client.turns and len(self.clients) < 6:
            back = self.chance.choice((0, 0, 1)) if client.turns > 1 else 0
            keep = client.turns - back
            self._named += 1
            name = f"{client.name}.{self._named}"
            habits = (client.options, client.headers, client.noises)
            branch = Client(name, *habits, client.sizes[:keep], client.native)
            self.steps.append(Fork(client.name, branch.name, sum(client.sizes[keep:])))
            self.clients.append(branch)
            self.say(branch)

    def siblings(self, client: Client) -> None:
        """Several answers to one question; the user goes on with the last one."""
        self.say(client)
        for _ in range(self.chance.choice((1, 2, 3))):
            self.ask(client, drop=1)

    def task(self, client: Client, shared: bool | None = None) -> None:
        """A title, tags or follow-up request: with a prompt of its own, or after the conversation."""
        if not client.turns:
            return
        drawn = self.chance.random()
        base: Base = "nothing"
        new: tuple[Json, ...] = (system(TITLE_SYSTEM), user("{history}"))
        if shared or (shared is None and drawn < 0.35):
            base = "history" if self.chance.random() < 0.6 else "system"
            new = (user(self.chance.choice(SHARED_TASKS)),)
        elif drawn < 0.8 and client.native is None:  # the others have titles only
            base = "system" if self.chance.random() < 0.3 else "nothing"
            new = (user(self.chance.choice(TASKS)),)
        self.ask(client, base=base, new=new, kept=False, options={"max_tokens": 60})

    def toggle(self, client: Client) -> None:
        """Tools, or thinking, are switched on or off from now on."""
        options = dict(client.options)
        drawn = self.chance.random()
        if drawn < 0.4:
            thinks = options.pop("chat_template_kwargs", {}).get("enable_thinking", True)
            options["chat_template_kwargs"] = {"enable_thinking": not thinks}
        elif "tools" in options and drawn < 0.7:
            options["tools"] = options["tools"][:-1] or TOOLS
        elif "tools" in options:
            del options["tools"]
        else:
            options["tools"] = TOOLS[: self.chance.choice((1, 2, 3))]
        client.options = options
        self.say(client)

    def _as_agents_do(self, client: Client) -> None:
        """Now and then a client of another endpoint is started again, or starts a sub-agent."""
        drawn = self._of_endpoints.random()
        if drawn < 0.1:
            self.resume(client)
        elif drawn < 0.35:
            self.sub_agent(client)

    def resume(self, client: Client) -> None:
        """The client was ended and is started again; the conversation goes on."""
        assert client.native is not None
        client.native = replace(client.native, process=client.native.process + 1)
        self.say(client)

    def sub_agent(self, client: Client) -> None:
        """A client of the Messages API gives a task to a sub-agent, which has a system text of its own."""
        if client.native is None or client.native.endpoint != "messages" or len(self.clients) > 7:
            return
        opening = self.systems[client.name.partition(".")[0]][0]["content"]
        made = self.plain_client(f"You have one task.\n{opening}")
        made.options = {**client.options}
        made.native = replace(client.native, agent=f"{self._of_endpoints.getrandbits(64):016x}")
        for _ in range(self._of_endpoints.choice((1, 1, 2))):
            self.say(made)

    def other(self, client: Client) -> None:
        """Another endpoint generates."""
        prompt = between(self.chance, 60, 1500)
        bodies: dict[str, Json] = {
            "/completion": {"prompt": prompt, "n_predict": 4},
            "/v1/completions": {"prompt": prompt, "max_tokens": 4},
            "/v1/messages": {"messages": [user(prompt)], "max_tokens": 4},
            "/v1/responses": {"input": prompt, "max_output_tokens": 4},
        }
        path = self.chance.choice(list(bodies))
        self.steps.append(Other(client.name, path, bodies[path]))

    def play(self, requests: int, *weights: tuple[Callable[[Client], None], float]) -> None:
        """Random actions of random conversations, recent ones more often, and pauses. Some of the pauses are
        long enough for the proxy to read ahead.
        """
        actions, shares = zip(*weights, strict=True)
        for client in self.clients[:]:
            self.say(client)
        while sum(isinstance(step, Ask | Other) for step in self.steps) < requests:
            client = self.clients[-1 - int(len(self.clients) * self.chance.random() ** 1.3)]
            for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
                self.chance.choices(actions, shares)[0](client)
            if client.native is not None:
                self._as_agents_do(client)
            if self.chance.random() < 0.3:
                self.steps.append(Pause(self.chance.choice((0.02, 0.05, 0.05, 0.1, 0.1, 0.6))))

    def _native(self) -> Native:
        """A client of another endpoint, as coding agents are."""
        chance = self._of_endpoints
        habits = Habits(
            suffix=True, status=chance.random() < 0.3, defaults=chance.random() < 0.5, bare=True
        )
        kind: Literal["messages", "responses"] = (
            "messages" if chance.random() < 0.6 else "responses"
        )
        return Native(kind, f"session-{chance.getrandbits(48):012x}", habits)

    def _habits(self) -> tuple[str, ...]:
        """The noises that a client always makes: most clients make none, or a neutral one."""
        drawn = self.chance.random()
        if drawn < 0.5:
            return ()
        if drawn < 0.9:
            return tuple(self.chance.sample(NEUTRAL, self.chance.choice((1, 2))))
        return (self.chance.choice(LOUD),)

    def _answer(self) -> Json:
        """What the model says: sometimes with blanks at its edges, sometimes after reasoning."""
        said = between(self.chance, 6, 60)
        drawn = self.chance.random()
        edged = f"\n\n{said}" if drawn < 0.15 else f"{said}  \n" if drawn < 0.3 else said
        return {**self._thought(), "content": edged}

    def _thought(self) -> Json:
        if self.chance.random() < 0.7:
            return {}
        return {"reasoning_content": between(self.chance, 8, 50)}

    def _calls(self, tools: Sequence[Json]) -> Json:
        """One to three calls of tools, written as models do: keys in any order, or without blanks."""
        calls = []
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            function = self.chance.choice(tools)["function"]
            names = list(function["parameters"]["properties"])
            self.chance.shuffle(names)
            values = {name: f"{between(self.chance, 3, 9)}.py" for name in names}
            blanks = (",", ":") if self.chance.random() < 0.2 else (", ", ": ")
            arguments = json.dumps(values, separators=blanks)
            called = {"name": function["name"], "arguments": arguments}
            identity = f"call_{self.chance.getrandbits(40):010x}"
            calls.append({"id": identity, "type": "function", "function": called})
        return {**self._thought(), "content": "", "tool_calls": calls}

    def _result(self, call: Json) -> Json:
        return {
            "role": "tool",
            "tool_call_id": call["id"],
            "name": call["function"]["name"],
            "content": between(self.chance, 20, 300),
        }
