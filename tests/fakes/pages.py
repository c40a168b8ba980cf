"""A backend of a few pages, each with one answer; everything else is missing."""

from collections.abc import Mapping

from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response

MISSING = json_response({"error": "no"}, 404)


def status(code: int, body: object = None) -> list[Step]:
    """An answer of this status."""
    return json_response({} if body is None else body, code)


def serving(pages: Mapping[str, object]) -> ScriptedBackend:
    """A backend that answers these paths: with steps as they are, with anything else as JSON and 200."""

    def script(request: Request) -> list[Step]:
        found = pages.get(request.target, pages.get(request.target.partition("?")[0]))
        if found is None:
            return MISSING
        is_script = isinstance(found, list) and bool(found) and isinstance(found[0], Step)
        return list(found) if is_script and isinstance(found, list) else json_response(found)

    return ScriptedBackend(otherwise=script)
