"""Claude Code, the real one: a working day in one session, on a real KV cache.

Six processes: tools, resumes after the working tree has changed, two sub-agents, `/compact`, plan mode. The day
is played directly, through the proxy with default settings, and with `freeze-volatile` for this client. Folder
names are equally long, so that all runs have prompts of the same length.
"""

from pathlib import Path

import pytest

from tests.clients.agents import Home, missing
from tests.clients.conversations import conversations, key, new, processed
from tests.clients.endpoint_replies import Call, Reply
from tests.clients.scripted_endpoints import Turn, call
from tests.clients.sessions import FREEZE, Played, play
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.client,
    pytest.mark.backend,
    pytest.mark.skipif(missing("claude") is not None, reason=str(missing("claude"))),
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server: make servers"),
    pytest.mark.timeout(1200),  # prompts of 87,000 tokens: 15 s each on an idle machine
]

FREE = "--dangerously-skip-permissions"
TEMPLATES = ("chatml_system_first", "chatml_tools")
"""Instructions before the tools, as most templates have it, and behind them."""

ADDED = '"replace_all": false'
"""What Claude Code puts into the arguments of an Edit."""

IDS_DIFFER = 16
"""Ids and durations of sub-agents stand in the history: by so many tokens two runs may differ there."""

AT_COMPACT = 3
"""Prompts that leave the one before: the title of another question, the summary, and what follows it."""

Days = dict[str, Played]


def script(home: Home) -> dict[str, tuple[Reply, ...]]:
    """What is said to which words of the user."""
    # one file is read, not two: those that Claude Code reads again after /compact come in any order
    greeting = str(home.work / "greeting.py")
    edit = call("Edit", file_path=greeting, old_string='"Hello "', new_string='"Hello, "')
    both = (
        call("Bash", description="List the files", command="ls -1", timeout=5000),
        call("Bash", command="head -12 notes.txt", timeout=5000.0),
    )
    return {
        "repair the greeting": (
            Reply("I read it first.\n\n", (call("Read", file_path=greeting),)),
            Reply("", (edit,)),
            Reply("Now both at once.", both),
            Reply("  The greeting is repaired.\n"),
        ),
        "ask two agents": (
            Reply("", (agent("Count the lines of the notes."),)),
            Reply("And another one.", (agent("Look for the word café in the notes."),)),
            Reply("Twenty lines, all about cafés."),
        ),
        "Count the lines": (
            Reply("", (call("Bash", command="wc -l notes.txt"),)),
            Reply("Twenty lines."),
        ),
        "Look for the word": (
            Reply("I search.", (call("Bash", command="grep -c café notes.txt"),)),
            Reply("Twenty times."),
        ),
    }


def agent(task: str) -> Call:
    """A call that starts a sub-agent."""
    return call("Agent", description="A count", prompt=task, subagent_type="general-purpose")


def day(home: Home, url: str) -> list[str]:
    """The session."""
    printed = [
        home.claude_talks(url, ["Please repair the greeting.", "Thanks. What is next?"], FREE)
    ]
    home.git("commit", "--quiet", "--all", "--message", "two")
    (home.work / "todo.txt").write_text("nothing yet\n")
    printed += [home.claude(url, "Now ask two agents.", "-c", FREE)]
    (home.work / "done.txt").write_text("all\n")
    printed += [home.claude(url, "And now?", "-c", FREE)]
    printed += [home.claude(url, "/compact", "-c", FREE)]
    printed += [home.claude(url, "Go on.", "-c", FREE)]
    printed += [home.claude(url, "Plan the next steps.", "-c", "--permission-mode", "plan")]
    return printed


@pytest.fixture(scope="module", params=TEMPLATES)
def days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Days:
    """The same day three times on one template."""
    folder = tmp_path_factory.mktemp("claude")
    name = request.param
    return {
        "direct": play(folder / "plain", day, script, chat_template=name),
        "through": play(folder / "proxy", day, script, chat_template=name, proxy={}),
        "frozen": play(folder / "stays", day, script, chat_template=name, proxy=FREEZE),
    }


@pytest.fixture
def shown(days: Days) -> None:
    """Prints the figures."""
    print(*(played.figures(name) for name, played in days.items()), sep="\n")


@pytest.mark.usefixtures("shown")
def test_with_git_status_frozen_nothing_is_read_twice(days: Days) -> None:
    """Every prompt begins with all of the one before it, but for the two at `/compact`."""
    warm = days["frozen"].all_warm()

    assert [cost.extends for cost in warm].count(False) == AT_COMPACT
    assert processed(warm) <= 1.05 * new(warm)


@pytest.mark.usefixtures("shown")
def test_by_default_only_a_resume_after_an_edit_is_read_again(days: Days) -> None:
    """gitStatus is what the client says now, in front of all that follows: twice, in two new processes."""
    warm = days["through"].all_warm()

    extending = [cost for cost in warm if cost.extends]

    assert len(warm) - len(extending) == AT_COMPACT + 2
    assert processed(extending) <= 1.05 * new(extending)


@pytest.mark.parametrize("how", ["through", "frozen"])
@pytest.mark.usefixtures("shown")
def test_no_request_costs_more_than_directly(days: Days, how: str) -> None:
    direct, played = days["direct"], days[how]
    pairs = [
        (without, with_)
        for costs, others in zip(direct.warm().values(), played.warm().values(), strict=True)
        for without, with_ in zip(costs, others, strict=True)
    ]

    assert all(with_.again <= without.again + 1 + IDS_DIFFER for without, with_ in pairs)
    assert sum(turn.processed_tokens for turn in played.turns) < sum(
        turn.processed_tokens for turn in direct.turns
    )


@pytest.mark.usefixtures("shown")
def test_the_second_agent_of_a_kind_begins_with_what_the_first_has_read(days: Days) -> None:
    """The billing line differs from agent to agent, and is read first if no tools stand before it."""
    direct, through = second_agent(days["direct"]), second_agent(days["through"])

    assert through.processed_tokens <= direct.processed_tokens + 1
    if direct.counts.cached == 0:
        assert through.processed_tokens < 0.1 * through.counts.prompt


@pytest.mark.parametrize("how", ["through", "frozen"])
def test_every_request_has_its_line(days: Days, how: str) -> None:
    """A title may have none of the counts: a process that is done does not wait for it."""
    records, turns = days[how].records, days[how].turns

    assert days[how].refused == []
    assert {record["client"] for record in records} == {"claude-code"}
    assert {record["endpoint"] for record in records} == {"/v1/messages"}
    assert all(record["failed_open"] is None for record in records)
    assert len(records) == len(turns)
    assert sorted(r["processed_tokens"] for r in records if r["kind"] != "side") == sorted(
        turn.processed_tokens for turn in turns if key(turn).kind != "title"
    )


def second_agent(played: Played) -> Turn:
    """The first request of the second sub-agent."""
    found = conversations(played.turns)
    return [turns[0] for name, turns in found.items() if name.agent][1]


def test_the_day_is_the_one_that_it_is_said_to_be(days: Days) -> None:
    """A version that does otherwise is to be noticed."""
    for played in days.values():
        found = conversations(played.turns)
        assert sorted(
            (name.kind, bool(name.agent), len(turns)) for name, turns in found.items()
        ) == [
            ("main", False, 12),
            ("main", True, 2),
            ("main", True, 2),
            ("title", False, 2),
        ]
        assert "Twenty lines, all about cafés." in played.printed[1]
    assert any(ADDED in turn.prompt for turn in days["direct"].turns)
    assert not any(ADDED in turn.prompt for turn in days["frozen"].turns)


def test_on_a_template_that_wants_instructions_in_front_the_day_works(
    tmp_path: Path,
) -> None:
    """Directly the first request is refused, and so is every other."""
    strict = "chatml_one_system"
    direct = play(tmp_path / "plain", one_question, script, chat_template=strict)
    through = play(tmp_path / "proxy", day, script, proxy=FREEZE, chat_template=strict)
    print(through.figures("through"))
    warm = through.all_warm()

    assert [status for _, status, _ in direct.refused] == [400]
    assert "API Error: 400" in direct.printed[0]
    assert through.refused == []
    assert "Twenty lines, all about cafés." in through.printed[1]
    assert [cost.extends for cost in warm].count(False) == AT_COMPACT
    assert processed(warm) <= 1.05 * new(warm)


def one_question(home: Home, url: str) -> list[str]:
    """The shortest session."""
    return [home.claude(url, "Please repair the greeting.", FREE)]


LONG_FILE = "".join(f"line {number} of the long file\n" for number in range(420))
SMALL_CONTEXT = 45_056
"""A first prompt has 22,100 tokens, the long file 4,100: it fits five times, with a request for a summary."""


def test_a_context_that_is_too_small_ends_the_session_only_directly(tmp_path: Path) -> None:
    """Claude Code compacts its history if it is told so in Anthropic's words."""
    direct = play(tmp_path / "plain", too_long, long_script, context=SMALL_CONTEXT)
    through = play(tmp_path / "proxy", too_long, long_script, context=SMALL_CONTEXT, proxy={})
    print(direct.figures("direct"), through.figures("through"), sep="\n")

    assert "That was long." in direct.printed[0]
    assert all("API Error: 400" in text for text in direct.printed[1:])
    assert len(through.refused) == 1
    assert "Now this." in through.printed[2]
    assert [record["status"] for record in through.records].count(400) == 1
    assert {record["client"] for record in through.records} == {"claude-code"}


def long_script(home: Home) -> dict[str, tuple[Reply, ...]]:
    """A file that does not fit."""
    # what Read has shown would be shown again after the summary
    read = call("Bash", command=f"cat {home.work / 'long.txt'}")
    return {
        "Read the long file": (Reply("", (read,)), Reply("That was long.")),
        "And now?": (Reply("Now this."),),
    }


def too_long(home: Home, url: str) -> list[str]:
    """Three processes; in the second the history becomes too long."""
    (home.work / "long.txt").write_text(LONG_FILE)
    return [
        home.claude_talks(url, ["Read the long file."] * 5, FREE),
        home.claude(url, "Read the long file.", "-c", FREE),
        home.claude(url, "And now?", "-c", FREE),
    ]
