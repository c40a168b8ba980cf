"""A loop around the Anthropic SDK, with a stream a turn: the blocks of the model are sent back as they came."""

import json

from anthropic import Anthropic
from tools import INSTRUCTIONS, QUESTIONS, SCHEMAS, STATE, URL, called

client = Anthropic(base_url=URL.removesuffix("/v1"), api_key="dummy")
tools = [
    {"name": s["name"], "description": s["description"], "input_schema": s["parameters"]}
    for s in SCHEMAS
]
messages = json.loads(STATE.read_text()) if STATE.exists() else []
for question in QUESTIONS:
    messages.append({"role": "user", "content": question})
    while True:
        with client.messages.stream(
            model="scripted", max_tokens=1000, system=INSTRUCTIONS, messages=messages, tools=tools
        ) as stream:
            answer = stream.get_final_message()
        blocks = [block.model_dump(exclude_none=True) for block in answer.content]
        messages.append({"role": "assistant", "content": blocks})
        if answer.stop_reason != "tool_use":
            break
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block["id"],
                "content": called(block["name"], block["input"]),
            }
            for block in blocks
            if block["type"] == "tool_use"
        ]
        messages.append({"role": "user", "content": results})
    print("".join(block.get("text", "") for block in blocks))
STATE.write_text(json.dumps(messages))
