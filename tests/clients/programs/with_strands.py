"""An agent of Strands Agents, whose session is kept in files."""

from strands import Agent, tool
from strands.models.openai import OpenAIModel
from strands.session.file_session_manager import FileSessionManager
from tools import INSTRUCTIONS, QUESTIONS, STATE, URL, count, read_lines

model = OpenAIModel(client_args={"base_url": URL, "api_key": "dummy"}, model_id="scripted")
agent = Agent(
    model=model,
    system_prompt=INSTRUCTIONS,
    tools=[tool(read_lines), tool(count)],
    session_manager=FileSessionManager(session_id="s", storage_dir=str(STATE)),
    callback_handler=None,
)
for question in QUESTIONS:
    print(agent(question))
