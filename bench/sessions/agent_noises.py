"""AGENT_NOISES: what clients of the other endpoints do to their requests, with the class of each."""

from dataclasses import replace

from bench.sessions import changes
from bench.sessions.agent import Agent, AgentWire, Course, Habits
from bench.sessions.claude_code import ClaudeCode
from bench.sessions.codex import Codex
from bench.sessions.noises import Endpoint, Noise, Risk

_PLAIN, _NONE = Course(), Habits()


def _noise(
    name: str,
    risk: Risk,
    source: str,
    wire: AgentWire,
    course: Course = _PLAIN,
    habits: Habits = _NONE,
    clean: Course | None = None,
    **fields: object,
) -> Noise:
    """`clean`: the course of the client without the noise, if that is another one."""
    endpoint: Endpoint = "messages" if isinstance(wire, ClaudeCode) else "responses"
    agent = Agent(wire, course, habits)
    without = Agent(wire, course if clean is None else clean)
    noise = Noise(
        name, risk, changes.nothing, source, endpoint=endpoint, agent=agent, clean_agent=without
    )
    return replace(noise, **fields)  # type: ignore[arg-type]  # a row names fields of Noise


CLAUDE_CODE, CODEX = ClaudeCode(), Codex()
_CAPTURED = "captured with Claude Code 2.1.197"
_CODEX = "captured with Codex 0.171.0"
_FREEZE = ("freeze-volatile",)
_SLOTS: tuple[tuple[int | None, str], ...] = ((None, "no flags"), (1, "1 slot"), (2, "2 slots"))
_LONG = Course(session_at=3, compact_at=5)

AGENT_NOISES: tuple[Noise, ...] = (
    _noise("clean", "lossless", "no noise at all: the proxy must not add any", CLAUDE_CODE),
    _noise("billing", "neutral", _CAPTURED, CLAUDE_CODE, _LONG, Habits(suffix=True)),
    _noise(
        "git status, frozen",
        "meaning",
        _CAPTURED,
        CLAUDE_CODE,
        Course(process_at=3),
        Habits(status=True),
        enable=_FREEZE,
    ),
    _noise("defaults", "lossless", _CAPTURED, CLAUDE_CODE, habits=Habits(defaults=True)),
    _noise("reload", "neutral", _CAPTURED, CLAUDE_CODE, Course(process_at=3)),
    _noise(
        "compact",
        "neutral",
        _CAPTURED,
        CLAUDE_CODE,
        Course(compact_at=4),
        Habits(behind_results=True),
    ),
    _noise(
        "sub-agents",
        "neutral",
        _CAPTURED,
        CLAUDE_CODE,
        Course(agents_at=(2, 4)),
        Habits(suffix=True),
    ),
    _noise(
        "all of these at once",
        "meaning",
        "the noises above",
        CLAUDE_CODE,
        Course(process_at=3, compact_at=5, agents_at=(2, 4), title=True),
        Habits(suffix=True, status=True, defaults=True, behind_results=True),
        enable=_FREEZE,
    ),
    *(
        _noise(
            f"title, {name}",
            "slots",
            _CAPTURED,
            CLAUDE_CODE,
            Course(title=True),
            clean=Course(),
            slots=slots,
        )
        for slots, name in _SLOTS
    ),
    _noise("clean", "lossless", "no noise at all: the proxy must not add any", CODEX),
    _noise("reload", "neutral", _CODEX, CODEX, Course(process_at=3)),
    *(
        _noise(
            f"title, {name}",
            "slots",
            _CODEX,
            CODEX,
            Course(title=True),
            Habits(bare=True),
            Course(),
            slots=slots,
        )
        for slots, name in _SLOTS
    ),
    *(
        _noise(
            f"compact, {name}",
            "control",  # without its tools it is another prompt from the top
            _CODEX,
            CODEX,
            Course(compact_at=4),
            Habits(bare=True),
            slots=slots,
        )
        for slots, name in _SLOTS
    ),
)
