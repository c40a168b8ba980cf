"""An agent of LlamaIndex, whose context is kept as JSON."""

import asyncio
import json

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import Context
from llama_index.llms.openai_like import OpenAILike
from tools import INSTRUCTIONS, QUESTIONS, STATE, URL, count, read_lines

model = OpenAILike(
    model="scripted",
    api_base=URL,
    api_key="dummy",
    is_chat_model=True,
    is_function_calling_model=True,
)
agent = FunctionAgent(tools=[read_lines, count], llm=model, system_prompt=INSTRUCTIONS)


async def main() -> None:
    is_new = not STATE.exists()
    context = Context(agent) if is_new else Context.from_dict(agent, json.loads(STATE.read_text()))
    for question in QUESTIONS:
        print(await agent.run(question, ctx=context))
    STATE.write_text(json.dumps(context.to_dict()))


asyncio.run(main())
