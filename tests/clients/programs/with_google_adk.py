"""An agent of Google's Agent Development Kit, whose session is in a file of SQLite."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import Runner
from google.adk.sessions import DatabaseSessionService
from google.genai import types
from tools import INSTRUCTIONS, QUESTIONS, STATE, URL, count, read_lines

model = LiteLlm(model="openai/scripted", api_base=URL, api_key="dummy")
agent = LlmAgent(name="helper", model=model, instruction=INSTRUCTIONS, tools=[read_lines, count])
SESSION = {"user_id": "u", "session_id": "s"}


async def main() -> None:
    is_new = not STATE.exists()
    sessions = DatabaseSessionService(f"sqlite+aiosqlite:///{STATE}")
    runner = Runner(agent=agent, app_name="app", session_service=sessions)
    if is_new:
        await sessions.create_session(app_name="app", **SESSION)
    for question in QUESTIONS:
        asked = types.Content(role="user", parts=[types.Part(text=question)])
        async for event in runner.run_async(**SESSION, new_message=asked):
            if event.is_final_response():
                print(event.content.parts[0].text)


asyncio.run(main())
