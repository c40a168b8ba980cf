"""A fresh home where the documented commands are run: `python -m tests.documented.stage FOLDER`.

It is in a network that has nothing but loopback, so that the ports of the pages are free
(tests/clients/loopback.sh). A llama-server with a small real model is behind port 8080. What was run and how it
ended goes to standard output, a JSON line a command.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import FrameType

from tests.documented.commands import ROOT, Command, commands

BIN = Path(sys.executable).parent
LIMIT_S = 100
WHOLE_LIMIT_S = 280
"""Less than the test waits (test_pages.py): who is killed ends nothing that it has started."""
QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
BODY = {
    "messages": [{"role": "assistant", "content": "Yes. "}, {"role": "user", "content": "Why?"}]
}
AGENT = {"system": "You help.", "messages": [{"role": "user", "content": "q"}], "max_tokens": 1}
BRIDGE = "172.17.0.1"  # Docker's, which a page names

Outcome = tuple[int, str]


class Stage:
    """One page after the other, as a reader goes through it."""

    def __init__(self) -> None:
        self.server: subprocess.Popen[str] | None = None

    def block(self, command: Command) -> Outcome:
        """Run a command of a block. What serves goes on running, until the page ends or another one serves."""
        if command.is_ours and command.arguments[:1] == ["serve"]:
            self.serve(command.text)
            return 0, ""
        if self.server is None:
            self.serve("warmprefix serve")
        if command.is_ours and command.arguments[:1] == ["tail"]:
            return followed(command.text)
        ran = subprocess.run(
            ["bash", "-c", command.text],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr

    def serve(self, text: str) -> None:
        """Start a proxy, wait until it listens, and ask it something."""
        self.close()
        self.server = started(text)
        host = BRIDGE if BRIDGE in text else "127.0.0.1"
        asked(f"http://{host}:8484")

    def close(self) -> None:
        """End what serves."""
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(LIMIT_S) == 0
            self.server = None
        Path("warmprefix.toml").unlink(missing_ok=True)


def started(text: str, **env: str) -> "subprocess.Popen[str]":
    """A process that says that it listens."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec env {text}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "listening on" in line:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process
    raise AssertionError(f"{text}: it does not listen: {said}")


def asked(url: str) -> None:
    """Ask one question; whether there is a backend does not matter."""
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(QUESTION).encode(),
        {"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.HTTPErrorProcessor)
    try:
        opener.open(request, timeout=LIMIT_S).read()
    except urllib.error.HTTPError as error:
        error.read()


def followed(text: str) -> Outcome:
    """Run what goes on until the user stops it: its first line, and then Ctrl-C."""
    command = subprocess.Popen(
        ["bash", "-c", f"exec env {text}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert command.stdout is not None
    first = command.stdout.readline()
    while command.poll() is None:
        command.send_signal(signal.SIGINT)
        try:
            command.wait(5)
        except subprocess.TimeoutExpired:
            continue
    return command.returncode, first


@contextmanager
def home(folder: Path) -> Iterator[None]:
    """A home with nothing in it, and a folder to work in with the files that the pages name."""
    work, runtime = folder / "work", folder / "runtime"
    for made in (work, runtime):
        made.mkdir(mode=0o700)
    (work / "docs").symlink_to(ROOT / "docs")
    (work / "body.json").write_text(json.dumps(BODY))
    (work / "agent.json").write_text(json.dumps(AGENT))
    for name in [
        name for name in os.environ if name.startswith(("WARMPREFIX_", "XDG_", "OPENAI_"))
    ]:
        del os.environ[name]
    path = f"{BIN}:{os.environ['PATH']}"
    os.environ.update(
        HOME=str(folder), XDG_RUNTIME_DIR=str(runtime), PATH=path, PYTHONPATH=str(ROOT / "proxy")
    )
    os.chdir(work)
    (folder / "backend").mkdir()
    backend = started(
        "warmprefix serve --embedded --port 8080",
        HOME=str(folder / "backend"),
        XDG_RUNTIME_DIR=str(folder / "backend"),
    )
    try:
        yield
    finally:
        backend.terminate()
        backend.wait(LIMIT_S)


def report(command: Command, outcome: Outcome) -> None:
    """One line for a command that was run."""
    status, output = outcome
    print(json.dumps([command.page, command.text, status, output]), flush=True)


def out_of_time(number: int, frame: FrameType | None) -> None:
    """End all that was started, whoever has started it, and this process with it."""
    del number, frame
    print(f"not done in {WHOLE_LIMIT_S} s", file=sys.stderr, flush=True)
    os.killpg(0, signal.SIGKILL)


def main(folder: Path) -> None:
    """Run everything."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setpgid(0, 0)
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(WHOLE_LIMIT_S)
    subprocess.run(["ip", "address", "add", f"{BRIDGE}/32", "dev", "lo"], check=True)
    with home(folder), closing(Stage()) as stage:
        run = [command for command in commands() if command.is_run]
        for _, of_page in groupby(run, key=attrgetter("page")):
            for command in of_page:
                report(command, stage.block(command))
            stage.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
