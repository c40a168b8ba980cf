"""An agent of Pydantic AI, whose history is kept as JSON."""

from pydantic_ai import Agent, ModelMessagesTypeAdapter
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from tools import INSTRUCTIONS, QUESTIONS, STATE, URL, count, read_lines

model = OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=URL, api_key="dummy"))
agent = Agent(model, instructions=INSTRUCTIONS, tools=[read_lines, count])
history = ModelMessagesTypeAdapter.validate_json(STATE.read_bytes()) if STATE.exists() else None
for question in QUESTIONS:
    result = agent.run_sync(question, message_history=history)
    history = result.all_messages()
    print(result.output)
STATE.write_bytes(ModelMessagesTypeAdapter.dump_json(history))
