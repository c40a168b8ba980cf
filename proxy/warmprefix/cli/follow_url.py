"""The turns of a running proxy as JSON lines: the last ones, then each new one as it ends."""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from warmprefix.backends.reasons import reason_of

RETRY_S = 1.0
"""Pause between attempts: a restart of the proxy takes about that long."""

CATCH_UP_TURNS = 100
"""How many turns to request after an interruption; those already shown are left out."""

REMEMBERED_TURNS = 1000
"""How many ids of shown turns to remember: ten times what one answer can repeat."""

# Connecting and the backlog are quick, but hours may pass between two turns.
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(None, connect=5.0)


class Refused(Exception):
    """The proxy answered, but not with turns; asking again would not help."""


class Unanswered(Exception):
    """Nothing answered at that address; the message says why."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns the errors of the HTTP client into Refused and Unanswered."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise Refused(str(error)) from None
    except httpx.HTTPError as error:
        raise Unanswered(reason_of(error)) from None


class TurnFeed:
    """The turns of the proxy at `url`. `say` gets a line for the user if the proxy goes away or returns."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        say: Callable[[str], None],
        wait: Callable[[], None] = lambda: time.sleep(RETRY_S),
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        headers["Accept-Encoding"] = "identity"
        self._url = url.rstrip("/")
        # Not through a proxy set in the environment: it cannot reach this machine's loopback address.
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=False)
        self._say = say
        self._wait = wait
        self._shown: OrderedDict[str, None] = OrderedDict()

    @property
    def url(self) -> str:
        """The proxy's address."""
        return self._url

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def last(self, turns: int) -> Iterator[bytes]:
        """The last turns, oldest first; raises Refused and httpx.TransportError."""
        if turns <= 0:
            return
        for turn in reversed(self.turns(turns)):
            line = json.dumps(turn).encode()
            if self._is_new(line):
                yield line

    def turns(self, most: int) -> list[dict[str, Any]]:
        """The last turns, newest first; raises Refused and httpx.TransportError."""
        return self.newest(most)[0]

    def newest(self, most: int) -> tuple[list[dict[str, Any]], int]:
        """The last turns, newest first, and how many requests are no turn yet; raises Refused and
        httpx.TransportError."""
        answer = self._client.get(self._url + "/warmprefix/api/turns", params={"limit": most})
        page = page_of(answer)
        running = page.get("running")
        turns = [turn for turn in page["turns"] if isinstance(turn, dict)]
        return turns, running if isinstance(running, int) else 0

    def running(self) -> list[dict[str, Any]]:
        """The requests that are not answered yet; raises Refused and httpx.TransportError."""
        answer = self._client.get(self._url + "/warmprefix/api/running")
        check_status(answer)
        try:
            listed = answer.json()["running"]
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{answer.url} did not answer with requests") from None
        return [one for one in listed if isinstance(one, dict)]

    def one(self, turn: str) -> bytes | None:
        """Everything known about one turn, None if there is none; raises Refused and httpx.TransportError."""
        answer = self._client.get(f"{self._url}/warmprefix/api/turns/{quote(turn, safe='')}")
        if answer.status_code == httpx.codes.NOT_FOUND and b"No such turn" in answer.content:
            return None
        check_status(answer)
        return answer.content

    def slots(self, method: str, path: str) -> dict[str, Any] | None:
        """The slots of the proxy, or the result of forgetting one; None if there is no such slot.

        Raises Refused and httpx.TransportError.
        """
        answer = self._client.request(method, f"{self._url}/warmprefix/api/slots{quote(path)}")
        if answer.status_code == httpx.codes.NOT_FOUND and b"No such saved slot" in answer.content:
            return None
        check_status(answer)
        value = answer.json()
        return value if isinstance(value, dict) else None

    def models(self) -> list[tuple[str, int | None]]:
        """The models behind the proxy: each one's name, and how many tokens its context has, if that is
        reported.

        Raises Refused and httpx.TransportError.
        """
        answer = self._client.get(f"{self._url}/v1/models")
        check_status(answer)
        try:
            listed = [(str(one["id"]), context_of(one)) for one in answer.json()["data"]]
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{answer.url} did not answer with models") from None
        return [
            one for one in listed if one[0].isprintable()
        ]  # names that could steer a terminal are none

    def warm(self, endpoint: str, body: bytes) -> Iterator[dict[str, Any]]:
        """Each step of reading an opening, as it is done; raises Refused and httpx.TransportError."""
        address = f"{self._url}/warmprefix/api/openings?endpoint={quote(endpoint, safe='')}"
        headers = {"content-type": "application/json"}
        with self._client.stream(
            "PUT", address, headers=headers, content=body, timeout=STREAM_TIMEOUT
        ) as answer:
            if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                raise Refused(f"{endpoint} is no endpoint that carries prompts")
            if answer.status_code in (
                httpx.codes.BAD_REQUEST,
                httpx.codes.REQUEST_ENTITY_TOO_LARGE,
            ):
                answer.read()
                raise Refused(str(answer.json().get("detail")))
            check_status(answer)
            yield from map(json.loads, answer.iter_lines())

    def follow(self, turns: int) -> Generator[bytes, None, None]:
        """The last turns, then each new one, forever; goes on if the proxy returns."""
        away, was_there = False, False
        while True:
            try:
                for line in self._connected(turns):
                    was_there = True
                    if line:
                        yield line
                    elif away:
                        self._say(f"connected to {self._url} again")
                        away = False
            except httpx.HTTPError as error:
                if not away:
                    advice = "" if was_there else " is it running? --url names another;"
                    self._say(
                        f"no answer from {self._url} ({reason_of(error)});{advice} trying again"
                    )
            else:
                self._say(f"{self._url} ended the connection; trying again")
            away = True
            turns = max(turns, CATCH_UP_TURNS) if self._shown else turns
            self._wait()

    def _connected(self, turns: int) -> Iterator[bytes]:
        """An empty line once connected, the last turns, then those of the event stream.

        The stream opens first, so that no turn falls between it and the last ones.
        """
        events = self._url + "/warmprefix/api/events"
        with self._client.stream("GET", events, timeout=STREAM_TIMEOUT) as answer:
            check_status(answer)
            yield b""
            yield from self.last(turns)
            yield from filter(self._is_new, event_data(answer.iter_bytes()))

    def _is_new(self, line: bytes) -> bool:
        """Whether the turn of this line was not shown yet; remembers it. A line without id is new."""
        turn = turn_id(line)
        if turn is None:
            return True
        if turn in self._shown:
            return False
        self._shown[turn] = None
        if len(self._shown) > REMEMBERED_TURNS:
            self._shown.popitem(last=False)
        return True


def page_of(answer: httpx.Response) -> dict[str, Any]:
    """A page of turns; raises Refused if it is something else."""
    check_status(answer)
    try:
        page = answer.json()
    except ValueError:
        page = None
    if not isinstance(page, dict) or not isinstance(page.get("turns"), list):
        raise Refused(f"{answer.url} did not answer with turns; is it warmprefix?")
    return page


def context_of(model: dict[str, Any]) -> int | None:
    """The context of a model in tokens, as llama-server's list has it; None if it does not say."""
    meta = model.get("meta")
    found = meta.get("n_ctx") if isinstance(meta, dict) else None
    return found if isinstance(found, int) else None


def check_status(answer: httpx.Response) -> None:
    """Raises Refused for a status that stays, httpx.HTTPStatusError for one that passes (5xx)."""
    status = answer.status_code
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise httpx.HTTPStatusError(f"status {status}", request=answer.request, response=answer)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Refused(f"{answer.url} answered {status}; pass the key with --api-key")
    if status != httpx.codes.OK:
        raise Refused(f"{answer.url} answered {status}; is it warmprefix?")


def event_data(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each server-sent event, wherever the chunks are cut (WHATWG HTML, 9.2.6).

    Splits at line feeds only: JSON in data may hold the other line ends of Unicode.
    """
    buffer = b""
    data: list[bytes] = []
    for chunk in chunks:
        *lines, buffer = (buffer + chunk).split(b"\n")
        for ended in lines:
            line = ended.removesuffix(b"\r")
            if line.startswith(b"data:"):
                data.append(line.removeprefix(b"data:").removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data = []


def turn_id(line: bytes) -> str | None:
    """The id of the turn in a line, or None if it has none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    turn = record.get("turn") if isinstance(record, dict) else None
    return None if turn is None else str(turn)
