"""The backend that commands take if no setting names one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.doctoring import PROPS, doctor
from tests.fakes.pages import serving
from tests.fakes.scripted_replies import json_response
from warmprefix.backends import usual
from warmprefix.cli.nearby import SOURCE, with_backend_at
from warmprefix.cli.serve import with_what_answers
from warmprefix.cli.settings import effective
from warmprefix.config import effective_lines

NOBODY = "http://127.0.0.1:1"
ELSEWHERE = "http://127.0.0.1:9931"


@contextmanager
def usually(*urls: str) -> Iterator[None]:
    """A backend is looked for at these addresses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usual, "USUAL", urls)
        yield


NAMED = [
    ("none", "", {}, False),
    ("other-settings", "[backend]\nkind = 'llamacpp'\n", {}, False),
    ("file", "[backend]\nurl = 'http://127.0.0.1:8080'\n", {}, True),
    ("table", "[[backends]]\nurl = 'http://127.0.0.1:8080'\n", {}, True),
    ("flag", "", {"backend.url": "http://127.0.0.1:8080"}, True),
]


@pytest.mark.parametrize(
    ("text", "flags", "named"), [row[1:] for row in NAMED], ids=[row[0] for row in NAMED]
)
def test_what_is_named_is_not_replaced(
    text: str, flags: dict[str, object], named: bool, tmp_path: Path
) -> None:
    file = tmp_path / "warmprefix.toml"
    file.write_text(text)
    settings = effective(file, flags)
    found = with_backend_at(settings, ELSEWHERE)

    assert settings.names_backend is named
    assert (found == settings) is named
    assert named or found.config.backend.url == ELSEWHERE


def test_the_settings_say_that_it_was_found() -> None:
    lines = effective_lines(with_backend_at(effective(None, {}), ELSEWHERE))

    assert [line.split() for line in lines if line.startswith("backend.url")] == [
        ["backend.url", "=", f'"{ELSEWHERE}"', "#", *SOURCE.split()]
    ]


async def test_serve_takes_what_answers_and_stays_with_it() -> None:
    """Also when it reads its settings again."""
    async with serving({"/props": json_response(PROPS)}) as backend:
        with usually(NOBODY, backend.url):
            load = await asyncio.to_thread(with_what_answers, lambda: effective(None, {}))

        assert load().config.backend.url == backend.url


def test_serve_keeps_the_default_if_nothing_answers() -> None:
    with usually(NOBODY):
        load = with_what_answers(lambda: effective(None, {}))

    assert load() == effective(None, {})


async def test_doctor_asks_what_answers() -> None:
    async with serving({"/props": json_response(PROPS)}) as backend:
        with usually(NOBODY, backend.url):
            result = await asyncio.to_thread(doctor)

    assert result.stdout.startswith(backend.url)
    assert result.exit_code == 0


def test_doctor_says_where_it_has_looked() -> None:
    with usually(NOBODY):
        result = doctor()

    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"warmprefix: no setting names a backend, and none answers at {NOBODY}\n"
    )
