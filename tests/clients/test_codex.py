"""Codex, the real one: `exec` and two resumes in new processes, on a real KV cache.

Codex changes nothing in its history, so the proxy has nothing to gain in it; it must not lose anything either.
"""

from pathlib import Path

import pytest

from tests.clients.agents import Home, missing
from tests.clients.conversations import new, processed
from tests.clients.endpoint_replies import Reply
from tests.clients.scripted_endpoints import call
from tests.clients.sessions import Played, play
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.client,
    pytest.mark.backend,
    pytest.mark.skipif(missing("codex") is not None, reason=str(missing("codex"))),
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server: make servers"),
    pytest.mark.timeout(600),
]


IDS_DIFFER = 8
"""The id and the duration of each command stand in the history: by so many tokens two runs may differ."""


def script(home: Home) -> dict[str, tuple[Reply, ...]]:
    """What is said to which words of the user."""
    edit = "sed -i 's/Hello /Hello, /' greeting.py"
    both = (call("exec_command", cmd=edit), call("exec_command", yield_time_ms=1000, cmd="ls -1"))
    return {
        "repair the greeting": (
            Reply("I look first.\n\n", (call("exec_command", cmd="cat greeting.py"),)),
            Reply("", both),
            Reply("  The greeting is repaired, café included.\n"),
        ),
        "go on": (
            Reply("I ask git.", (call("exec_command", cmd="git status --short"),)),
            Reply("One file has changed."),
        ),
        "Thanks": (Reply("You are welcome."),),
    }


def session(home: Home, url: str) -> list[str]:
    """Three processes; the working tree changes between them."""
    printed = [home.codex(url, "Please repair the greeting.")]
    (home.work / "todo.txt").write_text("nothing yet\n")
    printed += [home.codex(url, "resume", "--last", "And go on.")]
    home.git("commit", "--quiet", "--all", "--message", "two")
    return [*printed, home.codex(url, "resume", "--last", "Thanks.")]


def is_whole(played: Played) -> bool:
    """Whether each process has got its answer, and no prompt was refused."""
    words = ("The greeting is repaired", "One file has changed.", "You are welcome.")
    answered = all(word in text for word, text in zip(words, played.printed, strict=True))
    return answered and not played.refused and len(played.turns) == 6


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    direct = play(tmp_path / "plain", session, script)
    through = play(tmp_path / "proxy", session, script, proxy={})
    print(direct.figures("direct"), through.figures("through"), sep="\n")
    costs, warm = direct.all_warm(), through.all_warm()

    assert is_whole(direct)
    assert is_whole(through)
    assert all(cost.extends for cost in warm)
    assert processed(warm) <= new(warm) + len(warm)
    assert all(b.again <= a.again + 1 + IDS_DIFFER for a, b in zip(costs, warm, strict=True))
    assert sum(cost.again for cost in warm) <= sum(cost.again for cost in costs)
    assert_logged(through)


def test_on_a_template_that_wants_instructions_in_front_it_works(tmp_path: Path) -> None:
    """Codex sends several developer messages: directly every request is refused."""
    strict = "chatml_one_system"
    direct = play(tmp_path / "plain", first_question, script, chat_template=strict)
    through = play(tmp_path / "proxy", session, script, chat_template=strict, proxy={})
    print(through.figures("through"))
    warm = through.all_warm()

    assert [status for _, status, _ in direct.refused] == [400]
    assert direct.turns == []
    assert is_whole(through)
    assert all(cost.extends for cost in warm)
    assert processed(warm) <= new(warm) + len(warm)
    assert_logged(through)


def first_question(home: Home, url: str) -> list[str]:
    """The shortest session."""
    return [home.codex(url, "Please repair the greeting.")]


def assert_logged(played: Played) -> None:
    """Every request has its line, with the counts of the server."""
    records = played.records
    assert {record["client"] for record in records} == {"codex"}
    assert {record["endpoint"] for record in records} == {"/v1/responses"}
    assert all(record["failed_open"] is None for record in records)
    assert [record["processed_tokens"] for record in records] == [
        turn.processed_tokens for turn in played.turns
    ]


def terminal_session(home: Home, url: str) -> list[str]:
    """One process in a terminal: a title beside the first turn, `/compact`, plan mode."""
    shown = []
    try:
        with home.codex_terminal(url, "Please repair the greeting.") as terminal:
            terminal.wait_for("The greeting is repaired")
            for command, words in (
                ("/compact", "Context compacted"),
                ("And go on.", "has changed."),
            ):
                terminal.type(command)
                terminal.wait_for(words)
            terminal.type("/plan")
            terminal.wait_for("for Plan mode")
            terminal.type("Thanks.")
            terminal.wait_for("You are welcome")
            shown.append(terminal.text)
    finally:
        home.end_codex_daemons()
    return shown


def test_titles_and_summaries_cost_the_conversation_nothing(tmp_path: Path) -> None:
    """A title is asked for with the conversation's own text, a summary without its tools."""
    direct = play(tmp_path / "plain", terminal_session, script)
    through = play(tmp_path / "proxy", terminal_session, script, proxy={})
    print(direct.figures("direct"), through.figures("through"), sep="\n")
    costs, warm = direct.all_warm(), through.all_warm()
    side = [record for record in through.records if record["kind"] == "side"]

    assert len(direct.turns) == len(through.turns) == 8
    assert [cost.extends for cost in warm] == [True, True, False, True, True]
    assert processed(warm) <= new(warm) + len(warm)
    assert all(b.again <= a.again + 1 + IDS_DIFFER for a, b in zip(costs, warm, strict=True))
    assert len(side) == 2  # what follows the summary is a turn
    assert_logged(through)
