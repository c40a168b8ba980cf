"""JSON bodies of Lemonade Server, as captured from 2026.39.1 with llama-server b11669 behind it.

Members are listed in any order here: answers that are not streamed are dumped with sorted keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.lemonade_cache import Counts
from tests.fakes.scripted_replies import (
    COMPLETION_ID,
    CREATED,
    FINGERPRINT,
    JsonObject,
    chat_reply,
    timings,
    usage,
)

VERSION = "2026.39.1-2"
NOWHERE = "http://127.0.0.1:1/v1"
"""The llama-server behind it; a real one has the first free port from 8001 on."""
ADDED = ("--metrics", "--parallel", "1")
KINDS = ("classification", "embedding", "image", "llm", "reranking", "transcription", "tts")


@dataclass(frozen=True)
class Reply:
    """What the model says; `tool_calls` are (name, arguments as JSON text)."""

    text: str = "Say hi."
    tool_calls: Sequence[tuple[str, str]] = ()
    reasoning: str | None = None
    finish_reason: str | None = None

    @property
    def reason(self) -> str:
        """Why it ended, if the script does not say: `tool_calls` after a call, otherwise `stop`."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")

    def message(self) -> JsonObject:
        """Members that a chat message has besides role and content."""
        calls = [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": text}}
            for i, (name, text) in enumerate(self.tool_calls)
        ]
        reasoning = {"reasoning_content": self.reasoning} if self.reasoning is not None else {}
        return {**reasoning, **({"tool_calls": calls} if calls else {})}


@dataclass
class Stats:
    """`/stats`: the last request and totals, one for all clients.

    Trap (streaming_proxy.cpp:14-78, router.cpp:2398-2430): `input_tokens` are the evaluated ones,
    and without usage in the answer `prompt_tokens` falls back to them.
    """

    last: JsonObject = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def record(self, counts: Counts, *, usage_seen: bool) -> None:
        """Add one answered request."""
        numbers = {
            "input_tokens": counts.processed,
            "prompt_tokens": counts.prompt if usage_seen else counts.processed,
            "cache_tokens": counts.cached,
            "output_tokens": counts.generated,
        }
        times = timings(counts.processed, counts.cached, counts.generated)
        self.last = {
            **numbers,
            "time_to_first_token": times["prompt_ms"] / 1000,
            "tokens_per_second": times["predicted_per_second"],
        }
        for name, number in [*numbers.items(), ("request_count", 1)]:
            self.totals[name] = self.totals.get(name, 0) + number

    def body(self) -> JsonObject:
        """Zeros before the first request, except `cache_tokens`, which is null."""
        names = ("input_tokens", "prompt_tokens", "cache_tokens", "output_tokens", "request_count")
        fresh = {"input_tokens": 0, "prompt_tokens": 0, "cache_tokens": None, "output_tokens": 0,
                 "time_to_first_token": 0.0, "tokens_per_second": 0.0}  # fmt: skip
        totals = {f"{name}_total": self.totals.get(name, 0) for name in names}
        routing = {"routing_decisions_total": 0, "routing_switches_total": 0}
        return {**fresh, **self.last, **totals, **routing}


def chat(model: str, reply: Reply, counts: Counts) -> JsonObject:
    """`chat/completions`, not streamed."""
    return chat_reply(
        reply.text,
        counts.processed,
        counts.cached,
        counts.generated,
        model=model,
        finish_reason=reply.reason,
        message=reply.message(),
    )


def completion(model: str, reply: Reply, counts: Counts) -> JsonObject:
    """`completions`, not streamed."""
    numbers = (counts.processed, counts.cached, counts.generated)
    choice = {"text": reply.text, "index": 0, "logprobs": None, "finish_reason": reply.reason}
    return {
        "choices": [choice],
        "created": CREATED,
        "model": model,
        "system_fingerprint": FINGERPRINT,
        "object": "text_completion",
        "usage": usage(*numbers),
        "id": COMPLETION_ID,
        "timings": timings(*numbers),
    }


def response(model: str, reply: Reply, counts: Counts) -> JsonObject:
    """`responses`, not streamed: usage in its own words, no timings."""
    part = {"annotations": [], "logprobs": [], "text": reply.text, "type": "output_text"}
    return {
        "completed_at": CREATED,
        "created_at": CREATED,
        "id": "resp_" + COMPLETION_ID[-32:],
        "model": model,
        "object": "response",
        "output": [{"content": [part], "id": "msg_" + COMPLETION_ID[-32:], "role": "assistant",
                    "status": "completed", "type": "message"}],
        "status": "completed",
        "usage": {"input_tokens": counts.prompt, "output_tokens": counts.generated,
                  "input_tokens_details": {"cached_tokens": counts.cached},
                  "total_tokens": counts.prompt + counts.generated},
    }  # fmt: skip


def anthropic(model: str, reply: Reply, counts: Counts) -> JsonObject:
    """`/v1/messages`, not streamed: the cached count is dropped (anthropic_api.cpp:559-577)."""
    return {
        "content": [{"text": reply.text, "type": "text"}],
        "id": COMPLETION_ID,
        "model": model,
        "role": "assistant",
        "stop_reason": stop_reason(reply),
        "stop_sequence": None,
        "type": "message",
        "usage": {"input_tokens": counts.prompt, "output_tokens": counts.generated},
    }


def stop_reason(reply: Reply) -> str:
    """Why it ended, in Anthropic's words."""
    return {"length": "max_tokens", "tool_calls": "tool_use"}.get(reply.reason, "end_turn")


def ollama(model: str, reply: Reply, counts: Counts) -> JsonObject:
    """`/api/chat`, not streamed: `prompt_eval_count` is the evaluated part only."""
    return {
        "created_at": "2024-01-01T00:00:00Z",
        "done": True,
        "done_reason": reply.reason,
        "eval_count": counts.generated,
        "eval_duration": counts.generated * 10_000_000,
        "load_duration": 0,
        "message": {"content": reply.text, "role": "assistant"},
        "model": model,
        "prompt_eval_count": counts.processed,
        "prompt_eval_duration": counts.processed * 1_000_000,
        "total_duration": 0,
    }


def gguf(model: str) -> str:
    """The file by which llama-server names its model."""
    return f"/path/{model}.gguf"


def models(names: Sequence[str], context_tokens: int) -> JsonObject:
    """`models`."""
    return {"data": [model(name, context_tokens) for name in names], "object": "list"}


def model(name: str, context_tokens: int) -> JsonObject:
    """`models/{id}`."""
    facts = {"components": [], "created": 1234567890, "downloaded": True, "size": 0.236,
             "labels": ["custom", "chat"], "max_context_window": 32768, "object": "model",
             "owned_by": "lemonade", "recipe": "llamacpp", "recipe_options": {},
             "registry_source": "huggingface", "source": "extra_models_dir", "suggested": True,
             "update_available": False}  # fmt: skip
    path = gguf(name)
    named = {"id": name, "checkpoint": path, "checkpoints": {"main": path}}
    return {**facts, **named, "context_length": context_tokens}


def health(loaded: str | None, context_tokens: int, port: int) -> JsonObject:
    """`health`."""
    return {
        "all_models_loaded": [] if loaded is None else [loaded_model(loaded, context_tokens)],
        "max_models": dict.fromkeys(KINDS, 1),
        "model_loaded": loaded,
        "pinned_helper_models": dict.fromkeys(KINDS, 0),
        "pinned_models": dict.fromkeys(KINDS, 0),
        "status": "ok",
        "telemetry": {"enabled": False},
        "update_check_done": True,
        "version": VERSION,
        "websocket_port": port,
    }


def loaded_model(name: str, context_tokens: int) -> JsonObject:
    """One loaded model in `health`."""
    path, context = gguf(name), str(context_tokens)
    command = ["llama-server", "-m", path, "--ctx-size", context, "--port", "8001", "--jinja"]
    fixed = {"backend_alive": True, "backend_health": "ready", "device": "cpu", "is_busy": False,
             "is_streaming": False, "last_use": 2670381, "loaded": True, "pid": 8642,
             "max_context_window": 32768, "pinned": False, "recipe": "llamacpp", "type": "llm",
             "residency_class": "standard", "slot_pool": "standard/llm", "status": "ready",
             "watchdog_reset": False, "backend_url": NOWHERE}  # fmt: skip
    options: Mapping[str, Any] = {
        "ctx_size": context_tokens, "llamacpp_args": "--parallel 1", "llamacpp_backend": "cpu"}  # fmt: skip
    named = {"checkpoint": path, "model_name": name, "launch_command": [*command, *ADDED]}
    return {**fixed, **named, "recipe_options": options}


def docs() -> JsonObject:
    """`docs`: the server's own pages."""
    page = {
        "bytes": 1537,
        "id": "api/README",
        "title": "Lemonade Endpoints Spec",
        "url": "/v1/docs/api/README",
    }
    return {"docs": [page], "format": "text/markdown", "version": VERSION}


PAGE = b'<!doctype html><html lang="en"><head><title>Lemonade App</title></head></html>'
"""The app: the answer to every other GET outside the prefixes."""
