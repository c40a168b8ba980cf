"""Titles, tags and summaries are the client's own housekeeping; what a person asks for never is."""

import pytest

from tests.builders import system, user
from tests.profiles.requests import (
    ANSWERED,
    ASKED,
    CLAUDE,
    CODEX_TUI,
    OPENCODE,
    PYTHON,
    TOOLS,
    Case,
    block,
    codex_turn,
    request_of,
)
from warmprefix.profiles import profile_of
from warmprefix.profiles.base import Recognised

TITLE = "Generate a concise, sentence-case title (3-7 words) that captures the topic"
TASK_TITLE = (
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history."
)
SIDE = [
    Case(
        "claude-code-title",
        CLAUDE,
        [
            system(
                [
                    block("x-anthropic-billing-header: cch=2;"),
                    block("You are a Claude agent"),
                    block(TITLE),
                ]
            ),
            user("<session>\nx\n</session>"),
        ],
        [],
        Recognised("claude-code", "s1", True),
    ),
    Case(
        "claude-code-title-by-its-user-text",
        CLAUDE,
        [user("<session>\nx\n</session>")],
        [],
        Recognised("claude-code", "s1", True),
    ),
    Case(
        "opencode-title",
        OPENCODE | {"x-session-id": "ses_1"},
        [
            system("You are a title generator. You output ONLY a thread title."),
            user("Generate a title for this:"),
            user("x"),
        ],
        None,
        Recognised("opencode", "ses_1", True),
    ),
    Case(
        "hermes-title",
        PYTHON,
        [
            system("Generate a short, descriptive title (3-7 words) for"),
            user("User: x\n\nAssistant: y"),
        ],
        None,
        Recognised("hermes", None, True),
    ),
    Case(
        "gptme-title",
        PYTHON,
        [system("Generate concise conversation titles."), user("x")],
        None,
        Recognised("gptme", None, True),
    ),
    Case(
        "smolagents-final",
        PYTHON,
        [system("An agent tried to answer a user query but it got stuck and"), user("x")],
        None,
        Recognised("smolagents", None, True),
    ),
    Case(
        "smolagents-final-with-what-was-found",
        PYTHON,
        [
            system("An agent tried to answer a user query but it got stuck and"),
            *ANSWERED[1:],
            user("Answer."),
        ],
        None,
        Recognised("smolagents", None, True),
    ),
    *(
        Case(f"aider-{name}", PYTHON, [system(head), *rest], None, Recognised("aider", None, True))
        for name, head, rest in (
            (
                "commit-message",
                "You are an expert software engineer that generates concise, one-line Git commit messages"
                " based on the provided diffs.",
                [user("# Diffs:\n+ x")],
            ),
            (
                "conventional-commit-message",
                "You are an expert software engineer.\nReview the provided context and diffs which are about"
                " to be committed to a git repo.",
                [user("# Diffs:\n+ x")],
            ),
            (
                "summary",
                "*Briefly* summarize this partial conversation about programming.",
                [user("# USER\nx\n# ASSISTANT\ny")],
            ),
        )
    ),
    Case(
        "codex-title",
        codex_turn(request_kind="turn", thread_source="thread_title"),
        ASKED,
        None,
        Recognised("codex", "t1", True, True),
    ),
    Case(
        "codex-compaction",
        codex_turn(request_kind="compaction", thread_source="user"),
        ANSWERED,
        None,
        Recognised("codex", "t1", True, True),
    ),
    Case(
        "codex-title-by-its-text",
        CODEX_TUI,
        [user("Generate a short title for this")],
        None,
        Recognised("codex", "t1", True),
    ),
    Case("open-webui-title", {}, [user(TASK_TITLE)], None, Recognised("unknown", None, True)),
    Case(
        "open-webui-tags",
        {},
        [user("### Task:\nGenerate 1-3 broad tags categorizing the main themes")],
        None,
        Recognised("unknown", None, True),
    ),
    Case(
        "open-webui-follow-ups",
        {},
        [user("### Task:\nSuggest 3-5 relevant follow-up questions")],
        None,
        Recognised("unknown", None, True),
    ),
    Case(
        "open-webui-messages",
        {},
        [user("### Task:\nPredict 3-5 useful messages the user may send")],
        None,
        Recognised("unknown", None, True),
    ),
    Case(
        "open-webui-queries",
        {},
        [
            user(
                "### Task:\nAnalyze the chat history to determine the necessity of generating search queries"
            )
        ],
        None,
        Recognised("unknown", None, True),
    ),
    Case(
        "open-webui-autocompletion",
        {},
        [user("### Task:\nYou are an autocompletion system. Continue the text")],
        None,
        Recognised("unknown", None, True),
    ),
    Case(
        "open-webui-picture",
        {},
        [user("### Task:\nGenerate a detailed prompt for am image generation task")],
        None,
        Recognised("unknown", None, True),
    ),
    Case(
        "open-webui-own-task",
        {"x-openwebui-user-id": "u"},
        [user("\n### Task:\nAn administrator's own words")],
        None,
        Recognised("open-webui", None, True),
    ),
    Case(
        "title-in-parts",
        {},
        [user([block("Generate a title"), {"type": "image_url"}])],
        None,
        Recognised("unknown", None, True),
    ),
]

MAIN = [
    Case(
        "codex-turn-that-asks-for-a-title",
        codex_turn(request_kind="turn", thread_source="user"),
        [user("generate a title for my song")],
        None,
        Recognised("codex", "t1", False, True),
    ),
    Case(
        "codex-turn-of-a-new-kind",
        codex_turn(request_kind="review"),
        ASKED,
        TOOLS,
        Recognised("codex", "t1", False),
    ),
    *(
        Case(
            f"codex-metadata-{name}",
            CODEX_TUI | {"x-codex-turn-metadata": text},
            ASKED,
            TOOLS,
            Recognised("codex", "t1", False),
        )
        for name, text in (
            ("no-json", "{"),
            ("no-object", "[1]"),
            ("deep", "[" * 10_000),
            ("long", '{"request_kind":"compaction","x":"' + "x" * 20_000 + '"}'),
        )
    ),
    Case(
        "title-of-a-song-later",
        {},
        [*ANSWERED, user("please generate a title for my song")],
        None,
        Recognised("unknown", None, False),
    ),
    Case(
        "title-of-a-song-with-tools",
        {},
        [user("please generate a title for my song")],
        TOOLS,
        Recognised("unknown", None, False),
    ),
    Case(
        "title-far-behind-generate",
        {},
        [user("Generate the report. Its title is up to you.")],
        None,
        Recognised("unknown", None, False),
    ),
    Case("subtitles", {}, [user("generate subtitles")], None, Recognised("unknown", None, False)),
    Case(
        "mark-deep-in-a-system-text",
        {},
        [system("x" * 300 + " title generator"), user("x")],
        None,
        Recognised("unknown", None, False),
    ),
    Case(
        "mark-in-an-older-user-text",
        {},
        [user("generate a title"), user("no, rather a poem")],
        None,
        Recognised("unknown", None, False),
    ),
    Case(
        "heading-of-a-person",
        {},
        [user("### Task:\nMend the build.")],
        None,
        Recognised("unknown", None, False),
    ),
    Case(
        "retrieval-of-open-webui",
        {},
        [
            user(
                "### Task:\nRespond to the user query using the provided context, incorporating citations.\n"
                "<context>\nx\n</context>\n\nWhy?"
            )
        ],
        None,
        Recognised("unknown", None, False),
    ),
    Case(
        "retrieval-of-open-webui-that-names-itself",
        {"x-openwebui-user-id": "u"},
        [
            user(
                "### Task:\nRespond to the user query using the provided context, incorporating citations.\n"
                "<context>\nx\n</context>\n\nWhy?"
            )
        ],
        None,
        Recognised("open-webui", None, False),
    ),
    Case(
        "last-answer-with-tools",
        PYTHON,
        [system("An agent tried to answer a user query but it got stuck and"), user("x")],
        TOOLS,
        Recognised("smolagents", None, False),
    ),
    Case(
        "session-mark-of-another-client",
        PYTHON,
        [user("What does <session> mean?")],
        None,
        Recognised("openai-sdk", None, False),
    ),
    Case("no-user", {}, [system("Be brief.")], None, Recognised("unknown", None, False)),
]


@pytest.mark.parametrize("case", [*SIDE, *MAIN], ids=lambda case: case.id)
def test_a_side_request_is_told_from_the_conversation(case: Case) -> None:
    assert profile_of(case.headers, request_of(case)) == case.expected
