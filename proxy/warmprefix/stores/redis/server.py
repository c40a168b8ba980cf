"""The connection to a server that speaks Redis' protocol, and its scripts.

Each side of the store has a connection of its own, used from one thread. A script is sent by its digest; a
server that does not know it (it has restarted, or another has taken its place) is sent the text.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha1
from pathlib import Path
from textwrap import shorten
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from warmprefix.core.errors import StoreError

_MOST_SAID = 200  # characters: a server in protected mode explains itself with a thousand

# A question waits for a quarter of a second (timed_reader.py); while one is unanswered, others do not wait.
_LIMIT_S = 5.0


class Script:
    """A script of this folder: its files one after the other."""

    def __init__(self, *names: str) -> None:
        folder = Path(__file__).parent
        self.text = "\n".join((folder / each).read_text() for each in names)
        self.digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Server:
    """One connection. It opens with the first command, and again after it broke."""

    def __init__(self, address: str, password: str | None) -> None:
        self._client = Redis.from_url(
            address,
            **({"password": password} if password else {}),
            socket_timeout=_LIMIT_S,
            socket_connect_timeout=_LIMIT_S,
            # A kept connection may have been closed by a server that is there again.
            retry=Retry(NoBackoff(), 1, supported_errors=(NoConnection,)),
            single_connection_client=False,
            max_connections=1,
        )

    def command(self, *words: str) -> Any:
        """The answer to a command. Raises StoreError."""
        try:
            return self._client.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise StoreError(said(error)) from error

    def run(self, script: Script, values: Sequence[Any]) -> Any:
        """The answer of a script. Raises StoreError."""
        (answer,) = self.run_all(script, [values])
        if isinstance(answer, Exception):
            raise StoreError(said(answer)) from answer
        return answer

    def run_all(self, script: Script, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """The answers of a script to several calls, in one round trip; an error stands for the answer of a call
        that failed. Raises StoreError if the server cannot be reached."""
        try:
            answers = self._sent(script, calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                self._client.script_load(script.text)
                answers = self._sent(script, calls)
        except (RedisError, OSError) as error:
            raise StoreError(said(error)) from error
        return answers

    def close(self) -> None:
        """Close the connection. The next command opens it again."""
        with suppress(RedisError, OSError):
            self._client.close()

    def _sent(self, script: Script, calls: Sequence[Sequence[Any]]) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            for values in calls:
                pipeline.execute_command("EVALSHA", script.digest, 0, *values)  # type: ignore[no-untyped-call]
            return pipeline.execute(raise_on_error=False)


def said(error: Exception) -> str:
    """What a server or the way to it says of a failure, in a line."""
    return f"redis: {shorten(str(error), _MOST_SAID, placeholder=' ...')}"
