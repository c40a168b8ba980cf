"""The headers by which a router is told the conversation."""

import pytest

from warmprefix.backends.sessions import PRESETS, SessionHeader, named, with_session

NAMED = [
    pytest.param("", (), id="off"),
    pytest.param("X-Mine", (SessionHeader("X-Mine"),), id="name"),
    pytest.param("dynamo", (PRESETS["dynamo"],), id="preset"),
    pytest.param("smg , X-Mine", (PRESETS["smg"], SessionHeader("X-Mine")), id="several"),
]


@pytest.mark.parametrize(("setting", "expected"), NAMED)
def test_names_and_presets(setting: str, expected: tuple[SessionHeader, ...]) -> None:
    assert named(setting) == expected


def test_ours_stand_in_the_place_of_the_clients() -> None:
    headers = [
        (b"x-dynamo-session-id", b"theirs"),
        (b"A", b"1"),
        (b"X-DYNAMO-PARENT-SESSION-ID", b"t"),
    ]

    alone = with_session(headers, named("dynamo"), "c", None)
    below = with_session(headers, named("dynamo,olla"), "c", "p")

    assert alone == [(b"A", b"1"), (b"X-Dynamo-Session-ID", b"c")]
    assert below == [
        (b"A", b"1"),
        (b"X-Dynamo-Session-ID", b"c"),
        (b"X-Dynamo-Parent-Session-ID", b"p"),
        (b"X-Olla-Session-ID", b"c"),
    ]
