"""A graph of LangGraph in which a model calls tools, whose messages are kept as JSON."""

import json

from langchain_core.messages import (
    HumanMessage,
    SystemMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from tools import INSTRUCTIONS, QUESTIONS, STATE, URL, count, read_lines

tools = [tool(read_lines), tool(count)]
model = ChatOpenAI(model="scripted", base_url=URL, api_key="dummy").bind_tools(tools)


def ask(state: MessagesState) -> dict[str, object]:
    return {"messages": [model.invoke([SystemMessage(INSTRUCTIONS), *state["messages"]])]}


graph = StateGraph(MessagesState)
graph.add_node("ask", ask)
graph.add_node("tools", ToolNode(tools))
graph.add_edge(START, "ask")
graph.add_conditional_edges("ask", tools_condition)
graph.add_edge("tools", "ask")
app = graph.compile()
messages = messages_from_dict(json.loads(STATE.read_text())) if STATE.exists() else []
for question in QUESTIONS:
    messages = app.invoke({"messages": [*messages, HumanMessage(question)]})["messages"]
    print(messages[-1].content)
STATE.write_text(json.dumps(messages_to_dict(messages)))
