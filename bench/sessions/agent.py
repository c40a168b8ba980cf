"""A client of another endpoint that plays a script as an agent on a person's machine does.

Such a client ends and is started again (a new process), begins new sessions, summarises a history that has
become long, asks for titles and starts sub-agents: the *course* of a session. What it then writes differently,
though it means the same, are its *habits*. The wire of each endpoint: claude_code.py, codex.py.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal, Protocol

from bench.sessions.client import MAIN, SIDE, TOOL_S, result, scripted
from bench.sessions.script import Json, Reply, Script, UserTurn
from bench.sessions.wire import Answer, post

Kind = Literal["turn", "title", "compaction"]

_TASK = "You have one task and report on it when it is done, in at most three sentences.\n\n"
_SUMMARY = (
    "The people asked for several things, one after the other; the older ones are done and were reported. "
    "What is open is the newest request. Nothing was changed that was not asked for."
)
_AGENTS = (
    "Agents that can be given a task: `look`, which reads and searches and changes nothing; `work`, which has "
    "all tools. Skills: none is installed. Give an agent all that it has to know; it does not see this "
    "conversation."
)
_REMINDER = "The list of open points has not been used for a while. Use it if it helps; say nothing of this."


@dataclass(frozen=True, slots=True)
class Course:
    """What happens besides the script's turns. User turns are counted from 1; None, and no turns: never."""

    process_at: int | None = None
    session_at: int | None = None
    compact_at: int | None = None
    agents_at: tuple[int, ...] = ()
    title: bool = False


@dataclass(frozen=True, slots=True)
class Habits:
    """What the client writes differently.

    `suffix`: the billing line depends on the first user text. `status`: the state of the working tree is taken
    anew in each process. `defaults`: arguments are sent back in the order of the schema, with its defaults.
    `behind_results`: a text that comes after results stands in their message. `bare`: side requests offer no
    tools.
    """

    suffix: bool = False
    status: bool = False
    defaults: bool = False
    behind_results: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A request about to be written. `process`: which one of the client sends it. `agent`: of a sub-agent."""

    messages: tuple[Json, ...]
    tools: tuple[Json, ...]
    session: str
    process: int
    habits: Habits
    stream: bool
    agent: str | None = None
    kind: Kind = "turn"


class Model(Protocol):
    """What is told the replies (scripted_model.py)."""

    def expect(self, label: str, message: Json) -> None:
        """The reply to the next request."""


class AgentWire(Protocol):
    """How one client writes its requests and reads its replies. Messages are those of a chat completion."""

    path: str
    reminds: bool
    """Whether it puts instructions of its own between the messages."""

    def headers(self, sent: Sent) -> Mapping[str, str]:
        """Those that say what the request is."""

    def body(self, sent: Sent) -> Json:
        """The request."""

    def message(self, answer: Answer) -> Json:
        """The assistant's message in a reply."""

    def title(self, question: str, sent: Sent) -> Sent:
        """The request for a title of a session that begins with this question."""

    def compacted(self, history: Sequence[Json], summary: str) -> list[Json]:
        """The history that goes on after a summary."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A client: its wire, what happens in its session, and its habits."""

    wire: AgentWire
    course: Course = Course()
    habits: Habits = Habits()


@dataclass(slots=True)
class _Conversation:
    session: str
    history: list[Json]
    tools: tuple[Json, ...]
    agent: str | None = None


@dataclass(slots=True)
class AgentClient:
    """Sets `model`'s reply to each of its requests. `urls`: the address for each user turn; the last one serves
    for the rest."""

    urls: Sequence[str]
    model: Model
    script: Script
    agent: Agent
    reasoning: bool = False
    _process: int = 1
    _url: str = field(default="", init=False)

    def play(self) -> None:
        """The whole script, one request after the other."""
        course = self.agent.course
        main = self._begin(1)
        for number, turn in enumerate(self.script.turns, 1):
            self._url = self.urls[min(number, len(self.urls)) - 1]
            if number == course.process_at:
                self._process += 1
            if number == course.session_at:
                main = self._begin(number)
            self._say(main, turn, compacts=number == course.compact_at)
            if number in course.agents_at:
                self._give_task(number, turn)

    def _begin(self, number: int) -> _Conversation:
        system: Json = {"role": "system", "content": self.script.system}
        return _Conversation(self._id("session", number), [system], self.script.tools)

    def _say(self, talk: _Conversation, turn: UserTurn, *, compacts: bool = False) -> None:
        is_first = len(talk.history) == 1
        talk.history.append({"role": "user", "content": turn.user})
        if is_first and self.agent.wire.reminds:
            talk.history.append({"role": "system", "content": _AGENTS})
        for at, reply in enumerate(turn.replies):
            self._ask(talk, reply)
            if is_first and at == 0 and self.agent.course.title and talk.agent is None:
                self._ask_for_title(talk, turn.user)
            if compacts and reply.calls:
                self._compact(talk)
                compacts = False
            elif at == 0 and reply.calls and self.agent.wire.reminds:
                talk.history.append({"role": "system", "content": _REMINDER})

    def _ask(self, talk: _Conversation, reply: Reply) -> None:
        """One reply, and the results of its calls."""
        mark = f"{talk.session}:{talk.agent}:{len(talk.history)}"
        message = scripted(reply, f"{self.script.name}:{mark}", reasoning=self.reasoning)
        said = self._send(self._sent(talk), MAIN, message)
        talk.history.append(said)
        results = zip(said.get("tool_calls", ()), reply.calls, strict=True)
        talk.history += (result(call, done.result) for call, done in results)
        time.sleep(TOOL_S)

    def _ask_for_title(self, talk: _Conversation, question: str) -> None:
        sent = self.agent.wire.title(question, replace(self._sent(talk), kind="title"))
        self._send(sent, SIDE, {"role": "assistant", "content": "A short line about it"})

    def _compact(self, talk: _Conversation) -> None:
        """A summary of the history replaces it, in the middle of a loop of tools."""
        summarise = {"role": "user", "content": "Summarise this conversation; call no tools."}
        sent = replace(self._sent(talk), kind="compaction")
        if self.agent.habits.bare:
            sent = replace(sent, tools=())
        sent = replace(sent, messages=(*sent.messages, summarise))
        said = self._send(sent, MAIN, {"role": "assistant", "content": _SUMMARY})
        talk.history = self.agent.wire.compacted(talk.history, said["content"])

    def _give_task(self, number: int, turn: UserTurn) -> None:
        """A sub-agent does the turn's work once more, with a system text and tools of its own."""
        system: Json = {"role": "system", "content": _TASK + self.script.system}
        task = replace(turn, user=f"Task {number}. {turn.user}")
        agent = self._id("agent", number)
        self._say(_Conversation(self._id("session", 1), [system], self.script.tools, agent), task)

    def _sent(self, talk: _Conversation) -> Sent:
        return Sent(
            messages=tuple(talk.history),
            tools=talk.tools,
            session=talk.session,
            process=self._process,
            habits=self.agent.habits,
            stream=True,
            agent=talk.agent,
        )

    def _send(self, sent: Sent, label: str, message: Json) -> Json:
        wire = self.agent.wire
        self.model.expect(label, message)
        return wire.message(post(self._url + wire.path, wire.body(sent), wire.headers(sent)))

    def _id(self, *parts: object) -> str:
        digest = blake2b(f"{self.script.name}:{parts}".encode(), digest_size=16).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
