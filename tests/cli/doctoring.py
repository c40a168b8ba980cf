"""Runs `warmprefix doctor` as a person would, with no settings of the person who runs the tests."""

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from typer.testing import CliRunner, Result

from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_replies import json_response
from warmprefix.cli import app

Pages = Mapping[str, list[Step]]

MISSING = json_response({"error": "no"}, 404)

PROPS = {
    "total_slots": 2,
    "model_alias": "m",
    "build_info": "b11434",
    "default_generation_settings": {"n_ctx": 32768},
    "chat_template_caps": {"supports_preserve_reasoning": True},
}
"""What a llama-server says of itself."""


def doctor(*arguments: str, config: str = os.devnull, **env: str) -> Result:
    """The command and what came of it."""
    theirs = dict.fromkeys(
        name for name in os.environ if name.startswith(("WARMPREFIX_", "OPENAI_"))
    )
    plain = {**theirs, "NO_COLOR": "1", "COLUMNS": "90", **env}
    command = ["doctor", "--config", config, *arguments]
    return CliRunner().invoke(app, command, env=plain, prog_name="warmprefix")


def examined(url: str, *arguments: str) -> Any:
    """The JSON that it writes about a backend; its exit status is that of the command."""
    result = doctor("--backend", url, "--json", *arguments)
    body = json.loads(result.stdout)
    assert result.exit_code == body["status"], result.output
    return body


def levels(body: Any) -> dict[str, str]:
    """Findings by what they say."""
    return {finding["what"]: finding["level"] for finding in body["findings"]}


def serving(pages: Pages) -> ScriptedBackend:
    """A backend that answers these pages, and 404 to everything else."""
    return ScriptedBackend(otherwise=lambda request: pages.get(request.target, MISSING))


async def of_pages(pages: Pages, *arguments: str) -> Any:
    """What is found of a backend with these pages."""
    async with serving(pages) as backend:
        return await asyncio.to_thread(examined, backend.url, *arguments)
