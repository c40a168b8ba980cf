"""An agent of smolagents; its memory ends with the process."""

from smolagents import OpenAIServerModel, Tool, ToolCallingAgent
from tools import QUESTIONS, URL, count, read_lines


class ReadLines(Tool):
    name = "read_lines"
    description = "Read the first lines of a file."
    inputs = {  # noqa: RUF012  # as its documentation writes it
        "path": {"type": "string", "description": "which file"},
        "limit": {"type": "integer", "description": "how many lines"},
    }
    output_type = "string"

    def forward(self, path: str, limit: int) -> str:
        return read_lines(path, limit)


class Count(Tool):
    name = "count"
    description = "Count how often a word is in a file."
    inputs = {  # noqa: RUF012
        "word": {"type": "string", "description": "which word"},
        "path": {"type": "string", "description": "which file"},
    }
    output_type = "string"

    def forward(self, word: str, path: str) -> str:
        return count(word, path)


model = OpenAIServerModel(model_id="scripted", api_base=URL, api_key="dummy")
agent = ToolCallingAgent(tools=[ReadLines(), Count()], model=model, max_steps=4, verbosity_level=0)
for number, question in enumerate(QUESTIONS):
    print(agent.run(question, reset=number == 0))
