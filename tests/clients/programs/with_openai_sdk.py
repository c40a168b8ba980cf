"""A loop around the OpenAI SDK as its documentation shows it: what the model said is sent back as it came."""

import json

from openai import OpenAI
from tools import INSTRUCTIONS, QUESTIONS, SCHEMAS, STATE, URL, called

client = OpenAI(base_url=URL, api_key="dummy")
tools = [{"type": "function", "function": schema} for schema in SCHEMAS]
system = {"role": "system", "content": INSTRUCTIONS}
messages = json.loads(STATE.read_text()) if STATE.exists() else [system]
for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    while True:
        answer = client.chat.completions.create(model="scripted", messages=messages, tools=tools)
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            result = called(call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    print(message.content)
STATE.write_text(json.dumps(messages))
