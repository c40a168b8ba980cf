"""Opens a page in the user's browser."""

import asyncio
import logging
import os
import subprocess  # nosec B404  # names for a pipe; the command is fixed
import sys
from collections.abc import Mapping

logger = logging.getLogger(__name__)

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


async def open_page(url: str) -> None:
    """Open it, in a process of its own: a browser may write to standard output, which is the turn log's."""
    if not has_screen(os.environ, sys.platform):
        logger.warning("no browser can be opened here; the dashboard is at %s", url)
        return
    browser = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webbrowser", url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await browser.wait()


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether there is a screen for a browser: without one, a browser for terminals would take this one."""
    return platform in ("darwin", "win32") or any(environ.get(name) for name in _SCREENS)
