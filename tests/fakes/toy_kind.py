"""A kind of backend for tests, with the abilities that the test gives it, and a server of that kind."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.fakes.llama_double import LlamaDouble
from tests.fakes.scripted import Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.answers import Answer
from warmprefix.backends.base import Ability, Headers, Kind, Mark
from warmprefix.core.types import RawJson
from warmprefix.dialects.base import Request as ChatRequest

PAGES: Mapping[str, Ability] = {
    "/props": "props",
    "/slots": "slots",
    "/apply-template": "render",
    "/tokenize": "evaluate",
    "/completion": "evaluate",
    "/slots/0": "save",
}
"""The ability that a backend needs to be asked for each page."""


def _is_toy(answer: Answer) -> bool:
    return answer.status_code == 200 and answer.content == b"toy"


def _headers(headers: Headers) -> Headers:
    return [*headers, (b"x-toy", b"1")]


def _options(request: ChatRequest) -> Mapping[str, RawJson | None]:
    return {"toy": RawJson(b"true"), "seed": None} if "seed" in request.members else {}


def toy_kind(can: Iterable[Ability]) -> Kind:
    """It needs a header, and a member in place of `seed`."""
    return Kind("toy", frozenset(can), Mark("/toy", _is_toy), headers=_headers, options=_options)


class ToyServer(LlamaDouble):
    """Answers everything that a llama-server does, and has a page of its own that names it."""

    def __init__(self) -> None:
        super().__init__(is_fresh=True)

    def _script(self, request: Request) -> list[Step]:
        if request.target == "/toy":
            return list(json_response(b"toy"))
        return super()._script(request)

    @property
    def asked(self) -> list[str]:
        """The requested pages, without the chats."""
        paths = [request.target.partition("?")[0] for request in self.requests]
        return [path for path in paths if not path.endswith("/chat/completions")]

    @property
    def chats(self) -> list[tuple[Request, dict[str, Any]]]:
        """The chat requests with their bodies."""
        chats = [r for r in self.requests if r.target.endswith("/chat/completions")]
        return [(request, request.json()) for request in chats]
