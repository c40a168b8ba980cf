"""A real llama-server in a child process: both ends of one pipe.

`ServerProcess` is the parent's handle, `main` the child (`python -m warmprefix.embedded.process`). The child
runs llama.cpp's own HTTP server (PyPI xllamacpp), so its threads never share the proxy's interpreter.

The pipe: the parent writes one JSON line of options to the child's stdin and keeps it open; the child
answers with one JSON line, `{"url": ...}`, on stdout once the model is loaded. End of file on stdin means that
the parent is gone, even by SIGKILL, and the child ends. (Linux's PR_SET_PDEATHSIG is no help: it fires when the
*thread* that started the child ends, prctl(2).) backend.py chooses the model and the options.
"""

import json
import os
import signal
import subprocess  # nosec B404  # starts our own module, below
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from warmprefix.core.errors import BackendError

Option = str | int | float | bool | Sequence[str]
Options = Mapping[str, Option]
"""Attribute path of `xllamacpp.CommonParams` to value: `{"model.path": "a.gguf", "n_parallel": 2}`."""

STOP_GRACE_S = 5.0  # the child exits as soon as it reads the end of stdin; measured under 0.1 s
TAIL_LINES = 12  # llama.cpp prints 6 error lines for a missing model, plus Python's traceback


class ServerProcess:
    """One llama-server child process. Its calls block: make them from a worker thread in async code.

    `log` receives llama.cpp's log lines. Without it they go to an unnamed temporary file, and are only quoted
    if the server does not start.
    """

    def __init__(self, options: Options, log: Path | None = None) -> None:
        self.options = options
        self.log = log
        self.url = ""
        self.child: subprocess.Popen[str] | None = None
        self.stderr: IO[str] | None = None

    def start(self) -> str:
        """The server's address, once its model is loaded: `spawn` and `wait_until_ready`."""
        self.spawn()
        return self.wait_until_ready()

    def spawn(self) -> None:
        """Start the child. Returns at once."""
        self.stderr = self.open_log()
        # a session of its own: Ctrl-C reaches only the proxy, which drains and then stops its server
        # no word of the command comes from outside: our interpreter, our module
        self.child = subprocess.Popen(  # nosec B603
            [sys.executable, "-P", "-m", "warmprefix.embedded.process"],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
            start_new_session=True,
        )

    def wait_until_ready(self) -> str:
        """The server's address, once its model is loaded.

        Raises BackendError with the last lines of the server's log if it ends before that.
        """
        child, log = self.child, self.stderr
        assert child is not None
        assert log is not None
        report = exchange(child, self.options)
        if not report:
            child.wait()
            log.seek(0)
            words = tail(log.read())
            self.stop()
            raise BackendError(f"the embedded llama-server did not start:\n{words}")
        log.close()
        self.url = str(json.loads(report)["url"])
        return self.url

    def stop(self) -> None:
        """End the server by closing its stdin; by SIGKILL if it does not react. Safe to repeat."""
        self.end(None)

    def kill(self) -> None:
        """End the server as a crash would: SIGKILL, no farewell. Safe to repeat."""
        self.end(signal.SIGKILL)

    def end(self, first: signal.Signals | None) -> None:
        """Send `first` if given, reap the child, and close all that was opened for it."""
        child, self.child = self.child, None
        if child is None:
            return
        if first is not None:
            child.send_signal(first)
        close(child.stdin)
        try:
            child.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        close(child.stdout)
        close(self.stderr)

    def open_log(self) -> IO[str]:
        """The open file that receives the child's stderr; a named one is appended to."""
        if self.log is None:
            return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        return self.log.open("a+", encoding="utf-8", errors="replace")


def child_environment() -> dict[str, str]:
    """This process's environment, changed so that the child imports this very package.

    It does even from a checkout that is not installed. `-P` keeps the working directory out of the child's
    import path: it may have a folder of the user's that is also called `warmprefix`.
    """
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def exchange(child: subprocess.Popen[str], options: Options) -> str:
    """The child's report after it has received `options`; empty if it ended first."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(options) + "\n")
        child.stdin.flush()
    except BrokenPipeError:
        return ""
    return child.stdout.readline()


def close(pipe: IO[str] | None) -> None:
    """Close one end. It is no error if the reader is already gone."""
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def tail(text: str) -> str:
    """The last lines of a log, indented so that they read as a quotation."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (it printed nothing)"


def common_params(options: Options) -> Any:
    """`xllamacpp.CommonParams` with `options` set; an unknown name raises AttributeError."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    for path, value in options.items():
        *owners, name = path.split(".")
        owner = params
        for part in owners:
            owner = getattr(owner, part)
        sets = isinstance(getattr(owner, name), set)  # model_alias; JSON has no sets
        setattr(owner, name, set(value) if sets and isinstance(value, list) else value)
    return params


def exit_at_end_of(stdin: IO[str]) -> None:
    """Wait for the end of file, which means that the parent is gone, then end this process.

    `os._exit`, because the evaluation of a prompt must not delay the end. Loading a model does: xllamacpp holds
    the interpreter lock during that time (measured: 0.5 s for a 253 MB model).
    """
    while stdin.readline():
        pass
    os._exit(0)


def main() -> None:
    """Serve until stdin ends: the child's whole life."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints to stdout must not be taken for the report
    options: Options = json.loads(sys.stdin.readline())
    watcher = threading.Thread(target=exit_at_end_of, args=(sys.stdin,), daemon=True)
    watcher.start()
    import xllamacpp

    server = xllamacpp.Server(common_params(options))  # returns when the model is loaded
    report.write(json.dumps({"url": server.listening_address}) + "\n")
    report.flush()
    watcher.join()


if __name__ == "__main__":
    main()
