"""What stands around a span decides whether it ticks."""

import pytest

from warmprefix.core.identity.evidence import Place, ticks

SYSTEM, BLOCK, USER, QUOTED = Place.SYSTEM, Place.BLOCK, Place.USER, Place.QUOTED


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("Time: 10:05", "Time: 10:06", ("clock",)),
        ("Time: 10:05", "Time: 10:05", None),
        ("Time: 10:05", "Date: 10:05", None),
        ("The time is 10:05.", "The time is 10:06.", ("clock",)),
        ("The time of the show is 10:05.", "The time of the show is 10:06.", None),
        ("Today is Monday.", "Today is Tuesday.", ("date",)),
        ("Day: Monday", "Day: Tuesday", ("date",)),
        ("He likes Monday.", "He likes Tuesday.", None),
        ("A walk at 10:05 today", "A walk at 10:06 today", ("clock",)),
        ("Walks at 10:05", "Walks at 10:06", None),
        ("A walk, 10:05:33", "A walk, 10:06:33", ("clock",)),
        ("Best: 10:05:33", "Best: 10:06:33", None),
        ("Seen: 6 May 2031, 10:05", "Seen: 6 May 2031, 10:06", ("clock",)),
        ("Elapsed: 00:05:33", "Elapsed: 00:06:33", ("clock",)),
        ("Now 9:00-17:00", "Now 9:00-18:00", None),
        ("10:05", "10:06", ("clock",)),
        ("[10:05] ready", "[10:06] ready", ("clock",)),
        ("Read on, 2031-05-06", "Read on, 2031-05-07", ("date",)),
        ("Read on, 2031-05-06", "Read on, 2031-05-05", None),
        ("Read on, 6 May 2031", "Read on, 7 May 2031", None),
        ("It is 10 May 2031", "It is 11 May 2031", None),
        ("tree a1b2c3d", "tree a1b2c3e", None),
        ("commit a1b2c3d", "commit a1b2c3e", ("id",)),
        ("ts: 1936512000", "ts: 1936512009", ("number",)),
        ("of 1936512000123", "of 1936512000129", ("number",)),
        ("of 1936512000", "of 1936512009", None),
        ("Turn 3", "Turn 4", ("number",)),
        ("Files (3)", "Files (4)", ("number",)),
        ("Rules (3)", "Rules (4)", None),
        ("RAM: 3/16", "RAM: 4/16", ("number",)),
        ("RAM: 3 GB", "RAM: 4 GB", None),
        ("Inbox: 3 unread messages", "Inbox: 4 unread messages", ("number",)),
        ("Cost of files: 3", "Cost of files: 4", None),
        ("1 file, so 3 open", "2 files, so 4 open", ("number", "number")),
        ("The long step 3/10 goes", "The long step 4/10 goes", ("number",)),
        ("The current time is 10:05", "The current time is 10:06", ("clock",)),
        ("The current record is 10:05", "The current record is 10:06", None),
        ("The current, 10:05", "The current, 10:06", ("clock",)),
        ("Current record: 10:05", "Current record: 10:06", None),
        ("Memory: 3 entries", "Memory: 4 entries", ("number",)),
        ("Items: 3 apples", "Items: 4 apples", None),
        ("tokens: 300", "tokens: 400", None),
        ("tokens: 300, files: 3", "tokens: 400, files: 4", ("number", "number")),
        ("Character level: 3", "Character level: 4", None),
        ("Prices are up 20%", "Prices are up 30%", None),
        ("worker up 20s", "worker up 30s", ("amount",)),
        ("It is $3 now", "It is $4 now", None),
        ("main.c:12", "main.c:13", None),
        ("All of the very many words here: 3", "All of the very many words here: 4", None),
    ],
)
def test_a_line_of_a_system_text(old: str, new: str, kinds: tuple[str, ...] | None) -> None:
    assert ticks(old, new, "", SYSTEM) == kinds


def test_in_a_block_of_a_user_turn_a_date_needs_a_sign() -> None:
    assert ticks("Now 2031-05-06", "Now 2031-05-07", "", BLOCK) == ("date",)
    assert ticks("Read on, 2031-05-06", "Read on, 2031-05-07", "", BLOCK) is None


@pytest.mark.parametrize(
    ("old", "new", "is_ticking"),
    [
        ("Current time: 10:05", "Current time: 10:06", True),
        ("Is the current time 10:05?", "Is the current time 10:06?", False),
        ("Current train: 10:05", "Current train: 10:06", False),
        ("Time: 10:05", "Time: 10:06", False),
        ("Time: 10:05:33", "Time: 10:06:33", True),
        ("Updated: 2031-05-06", "Updated: 2031-05-07", False),
        ("Today: 2031-05-06", "Today: 2031-05-07", True),
        ("[2031-05-06 10:05]", "[2031-05-06 10:06]", True),
        ("2031-05-06 10:05", "2031-05-06 10:06", False),
        ("now: 1936512000", "now: 1936512009", True),
        ("Session ID: ab12", "Session ID: ab13", True),
        ("[###  ] 40%", "[#### ] 60%", True),
        ("3/10 tokens", "4/10 tokens", True),
        ("30 tokens left", "40 tokens left", True),
        ("30 tokens", "40 tokens", False),
        ("[49% — 10/22 chars]", "[50% — 11/22 chars]", True),
        ("[3/10]", "[4/10]", False),
    ],
)
def test_a_line_of_a_user_turn(old: str, new: str, is_ticking: bool) -> None:
    assert (ticks(old, new, "", USER) is not None) is is_ticking


def test_nothing_ticks_in_what_a_user_quotes() -> None:
    assert ticks("Current time: 10:05", "Current time: 10:06", "", QUOTED) is None


def test_the_header_is_the_label_of_a_value_alone() -> None:
    assert ticks("10:05", "10:06", "Opening", SYSTEM) is None
    assert ticks("10:05", "10:06", "Now", USER) is not None


def test_a_very_long_line_is_not_looked_at() -> None:
    line = "x " * 1000 + "Time: 10:05"

    assert ticks(line, line.replace("05", "06"), "", SYSTEM) is None


def test_a_line_of_very_many_clocks_is_not_looked_at() -> None:
    old, new = (" ".join([f"Now {clock}."] * 20) for clock in ("10:05", "10:06"))

    assert ticks(old, new, "", SYSTEM) is None
    assert ticks(old[:100], new[:100], "", SYSTEM) is not None
