"""Which session a request names: every header and member by which clients and routers do."""

import json

import pytest

from tests.chat_dialect import parse
from tests.strategies import Json, body_of
from warmprefix.profiles import profile_of
from warmprefix.profiles.sessions import parent_of

UUID = "0198c0de-0000-7000-8000-000000000001"
HEADERS = [
    "X-Session-ID",
    "X-Session-Affinity",
    "X-Client-Session-Id",
    "Session-Id",
    "Thread-Id",
    "X-OpenCode-Session",
    "X-Claude-Code-Session-Id",
    "X-Dynamo-Session-Id",
    "X-LiteLLM-Session-Id",
    "X-Grok-Conv-Id",
    "X-SMG-Routing-Key",
    "X-Olla-Session-Id",
    "X-Multi-Turn-Session-Id",
    "X-Qwen-Code-Session-Id",
    "X-Amp-Thread-Id",
    "X-OpenWebUI-Chat-Id",
]


def session(headers: dict[str, str], **members: object) -> str | None:
    body: Json = json.loads(body_of([{"role": "user", "content": "Hello"}], None))
    request = parse(json.dumps(body | members).encode())
    return profile_of(headers, request).session


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_names_the_session(name: str) -> None:
    assert session({name.lower(): "s"}) == "s"
    assert session({name.lower(): ""}) is None


MEMBERS: list[tuple[dict[str, object], str | None]] = [
    ({"session_id": "s"}, "s"),
    ({"session_id": ""}, None),
    ({"session_id": 5}, None),
    ({"metadata": {"session_id": "s"}}, "s"),
    ({"metadata": {"user_id": '{"session_id": "s"}'}}, "s"),
    ({"metadata": {"user_id": f"user_1_account__session_{UUID}"}}, UUID),
    ({"metadata": {"user_id": "user_1"}}, None),
    ({"metadata": {"user_id": "{"}}, None),
    ({"metadata": {"user_id": "{" * 20_000}}, None),
    ({"metadata": "s"}, None),
    ({"prompt_cache_key": UUID}, UUID),
    ({"prompt_cache_key": "ses_0123456789abcdefghij"}, "ses_0123456789abcdefghij"),
    ({"prompt_cache_key": "my-application-for-everybody"}, None),
    ({"prompt_cache_key": "chat-1"}, None),
    ({"user": UUID}, None),
    ({"rid": UUID}, None),
]


@pytest.mark.parametrize(("members", "expected"), MEMBERS)
def test_a_member_of_the_body_names_the_session(
    members: dict[str, object], expected: str | None
) -> None:
    assert session({}, **members) == expected


def test_codex_says_it_in_its_metadata_too() -> None:
    for said, expected in (
        ('{"session_id": "s", "thread_id": "t"}', "s"),
        ('{"thread_id": "t"}', "t"),
        ("[]", None),
        ("{", None),
    ):
        assert session({"x-codex-turn-metadata": said}) == expected


def test_a_header_comes_before_the_body() -> None:
    assert session({"x-session-id": "h"}, session_id="b") == "h"


PARENTS = [
    ({}, None, None),
    ({"x-parent-session-id": "p"}, "s", "p"),
    ({"x-dynamo-parent-session-id": "p"}, None, "p"),
    ({"x-claude-code-session-id": "s"}, "s", None),
    ({"x-claude-code-session-id": "s"}, "s/a", "s"),
    ({"x-claude-code-session-id": "s", "x-claude-code-parent-agent-id": "b"}, "s/a", "s/b"),
]


@pytest.mark.parametrize(("headers", "own", "expected"), PARENTS)
def test_a_sub_agent_says_who_has_started_it(
    headers: dict[str, str], own: str | None, expected: str | None
) -> None:
    assert parent_of(own, headers) == expected
