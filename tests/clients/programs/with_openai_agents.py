"""An agent of the OpenAI Agents SDK, whose session is in a file of SQLite."""

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    SQLiteSession,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from tools import INSTRUCTIONS, QUESTIONS, STATE, URL, count, read_lines

set_tracing_disabled(True)
model = OpenAIChatCompletionsModel("scripted", AsyncOpenAI(base_url=URL, api_key="dummy"))
agent = Agent(
    "Helper",
    instructions=INSTRUCTIONS,
    model=model,
    tools=[function_tool(read_lines), function_tool(count)],
)
for question in QUESTIONS:
    print(Runner.run_sync(agent, question, session=SQLiteSession("s", STATE)).final_output)
