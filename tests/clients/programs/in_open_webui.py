"""A chat in Open WebUI: all questions in one process.

The word behind the questions is the path of its program.
"""

import os

from pages import page
from playwright.sync_api import Page
from tools import QUESTIONS, STATE, URL

PROGRAM, ASKED = QUESTIONS[-1], QUESTIONS[:-1]
SETTINGS = {
    "OPENAI_API_BASE_URL": URL,
    "OPENAI_API_KEY": "dummy",
    "ENABLE_FORWARD_USER_INFO_HEADERS": "true",
    "DATA_DIR": str(STATE),
    "WEBUI_AUTH": "False",
    "WEBUI_SECRET_KEY": "dummy",
    "ENABLE_OLLAMA_API": "False",
    "OFFLINE_MODE": "True",
    "HF_HUB_OFFLINE": "1",
    "RAG_EMBEDDING_ENGINE": "openai",  # so it loads no model of its own
}
REPLY, IS_DONE = ".chat-assistant", ".copy-response-button"
BEGIN = "Okay, Let's Go!"
READING_MS = 5000
"""How long a user reads: meanwhile it asks for a title, tags and what could be asked next."""


def command(port: int) -> list[str]:
    """How its server is started."""
    return [PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port)]


def answer(chat: Page, question: str) -> str:
    """What the model says."""
    before = chat.locator(REPLY).count()
    chat.click("#chat-input")
    chat.keyboard.type(question)
    chat.keyboard.press("Enter")
    chat.locator(IS_DONE).nth(before).wait_for(state="attached")
    chat.wait_for_timeout(READING_MS)
    return chat.locator(REPLY).nth(before).inner_text()


STATE.mkdir(parents=True, exist_ok=True)
with page(command, {**os.environ, **SETTINGS}) as chat:
    chat.click(f"text={BEGIN}")
    for asked in ASKED:
        print(answer(chat, asked))
