"""A client that is a page: its server as a process, and the page in Chromium."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

LIMIT_S = 200  # a server that answers after 10 s on an idle machine
CHROMIUM = "/usr/bin/chromium"


@contextmanager
def page(
    command: Callable[[int], Sequence[str]], environment: Mapping[str, str] | None = None
) -> Iterator[Page]:
    """The page of a server that is started for it; `command`: its words, for a port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        command(port), env=environment, stdout=sys.stderr, stderr=subprocess.STDOUT
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_for(address)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
                )
                opened = browser.new_page()
                opened.set_default_timeout(LIMIT_S * 1000)
                opened.goto(address)
                yield opened
                browser.close()
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            with urlopen(address):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
