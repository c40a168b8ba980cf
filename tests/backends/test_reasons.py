"""Why no answer came, in words for a person."""

import socket

import httpx
import pytest

from warmprefix.backends.client import Asker
from warmprefix.backends.reasons import reason_of


async def test_the_reason_of_a_failure_is_in_the_systems_words() -> None:
    async with Asker() as client:
        with pytest.raises(httpx.ConnectError) as raised:
            await client.get("http://127.0.0.1:1")

    assert reason_of(raised.value) == "Connection refused"


def test_a_name_that_is_not_known_is_the_reason() -> None:
    error = httpx.ConnectError("all attempts failed")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")

    assert reason_of(error) == "Name or service not known"


def test_a_failure_without_an_error_of_the_system_says_what_it_says() -> None:
    assert reason_of(httpx.RemoteProtocolError("peer closed")) == "peer closed"
    assert reason_of(httpx.ReadError("")) == "the connection broke"
