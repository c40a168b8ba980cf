"""A chat in SillyTavern, with the character that it comes with: all questions in one process.

The word behind the questions is the path of its `server.js`.
"""

import json
from pathlib import Path

from pages import page
from playwright.sync_api import Page
from tools import QUESTIONS, STATE, URL

SERVER, ASKED = Path(QUESTIONS[-1]).resolve(), QUESTIONS[:-1]
IS_THERE = "window.SillyTavern?.getContext().characters.length > 0"
IS_CONNECTED = "SillyTavern.getContext().onlineStatus !== 'no_connection'"
IS_ANSWERED = (
    "before => SillyTavern.getContext().chat.length === before + 2"
    " && document.body.dataset.generating === undefined"
)
LAST = "SillyTavern.getContext().chat.at(-1).mes"
LENGTH = "SillyTavern.getContext().chat.length"


def prepare() -> None:
    """A folder with its settings, and in them what the recipe says to enter."""
    user = STATE / "default-user"
    user.mkdir(parents=True)
    compiled = SERVER.parent / "dist" / "_webpack"
    compiled.mkdir(parents=True, exist_ok=True)
    (STATE / "_webpack").symlink_to(compiled)  # compiling takes half a minute
    settings = json.loads((SERVER.parent / "default" / "content" / "settings.json").read_text())
    settings["oai_settings"] |= {
        "chat_completion_source": "custom",
        "custom_url": URL,
        "custom_model": "scripted",
    }
    settings["power_user"] |= {"auto_connect": True}
    settings |= {"firstRun": False, "main_api": "openai"}
    (user / "settings.json").write_text(json.dumps(settings))


def command(port: int) -> list[str]:
    """How its server is started."""
    options = {
        "port": str(port),
        "dataRoot": str(STATE),
        "configPath": str(STATE / "config.yaml"),
        "browserLaunchEnabled": "false",
    }
    return ["node", str(SERVER), *(w for n, v in options.items() for w in (f"--{n}", v))]


def answer(tavern: Page, question: str) -> str:
    """What the character says."""
    before = tavern.evaluate(LENGTH)
    tavern.fill("#send_textarea", question)
    tavern.click("#send_but")
    tavern.wait_for_function(IS_ANSWERED, arg=before)
    return str(tavern.evaluate(LAST))


prepare()
with page(command) as tavern:
    tavern.wait_for_function(IS_THERE)
    tavern.wait_for_function(IS_CONNECTED)
    tavern.evaluate("SillyTavern.getContext().selectCharacterById(0)")
    tavern.wait_for_function(f"{LENGTH} > 0")
    for asked in ASKED:
        print(answer(tavern, asked))
