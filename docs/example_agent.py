"""A little agent, for the README: it offers its tools in another order each time, as many clients do.

It needs nothing but Python. `warmprefix run -- python3 docs/example_agent.py` leads it to the proxy.
"""

import json
import os
import urllib.request

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8484/v1")
QUESTIONS = ("Which files are here?", "What is in the first one?", "How long is it?")


def tool(name: str, does: str) -> dict[str, object]:
    """A tool with one argument."""
    path = {"path": {"type": "string", "description": "A path below the working directory."}}
    function = {
        "name": name,
        "description": does,
        "parameters": {"type": "object", "properties": path, "required": ["path"]},
    }
    return {"type": "function", "function": function}


TOOLS = [
    tool("list_files", "Lists the files of a folder, the newest first, with their sizes."),
    tool("read_file", "Reads a text file and returns its lines, each with its number."),
    tool("count_lines", "Counts the lines of a text file."),
]


def reply_to(history: list[dict[str, object]], tools: list[dict[str, object]]) -> dict[str, object]:
    """The model's answer."""
    body = {"messages": history, "tools": tools, "max_tokens": 16, "temperature": 0}
    request = urllib.request.Request(
        f"{BASE_URL}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer x"},
    )
    with urllib.request.urlopen(request) as reply:
        message: dict[str, object] = json.load(reply)["choices"][0]["message"]
        return message


def main() -> None:
    """Asks three questions in one conversation."""
    history: list[dict[str, object]] = [
        {"role": "system", "content": "You help with files. Answer in one short sentence."}
    ]
    for number, question in enumerate(QUESTIONS):
        history.append({"role": "user", "content": question})
        reply = reply_to(history, TOOLS[number:] + TOOLS[:number])
        history.append(reply)
        text = str(reply.get("content") or "(a tool call)")
        print(f"{question} {text.splitlines()[0]}")


if __name__ == "__main__":
    main()
