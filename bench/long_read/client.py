"""A client that gives up on a silent server and asks again, as agents do."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

_ROLE_ONLY = b'"content":null'
"""What llama-server's first event has instead of text."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `tries`: requests; `seconds`: of all of them together, to the first text or to the last
    leaving."""

    is_answered: bool
    tries: int
    seconds: float


def ask_until_answered(url: str, body: Json, patience_s: float, tries: int) -> Outcome:
    """Ask for a stream; leave if no text has come after `patience_s`, and ask for the same again at once."""
    began = time.monotonic()
    for number in range(1, tries + 1):
        if _speaks_in_time(url, body, patience_s):
            return Outcome(True, number, time.monotonic() - began)
    return Outcome(False, tries, time.monotonic() - began)


def _speaks_in_time(url: str, body: Json, patience_s: float) -> bool:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=patience_s)
    until = time.monotonic() + patience_s
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}))
        assert connection.sock is not None
        stream = connection.sock  # the response takes it over
        answer = connection.getresponse()
        while (left := until - time.monotonic()) > 0:
            stream.settimeout(left)
            line = answer.readline()
            if not line:
                return False
            if b'"content":' in line and _ROLE_ONLY not in line:
                return True
    except TimeoutError:
        return False
    finally:
        connection.close()
    return False
