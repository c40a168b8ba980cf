"""`python -m bench`: runs one benchmark, or all of them."""

import signal
import sys
from collections.abc import Callable, Sequence

from bench.causes import command as causes
from bench.limits import command as limits
from bench.long_read import command as long_read
from bench.memory import command as memory
from bench.never_worse import command as never_worse
from bench.openings import command as openings
from bench.path import command as path
from bench.scale import command as scale
from bench.sessions import command as sessions
from bench.slots import command as slots
from bench.soak import command as soak
from bench.trace import command as trace

Command = Callable[[Sequence[str]], int]

BENCHMARKS: dict[str, tuple[Command, str]] = {
    "path": (path.command, path.HELP),
    "memory": (memory.command, memory.HELP),
    "limits": (limits.command, limits.HELP),
    "slots": (slots.command, slots.HELP),
    "long_read": (long_read.command, long_read.HELP),
    "openings": (openings.command, openings.HELP),
    "never_worse": (never_worse.command, never_worse.HELP),
    "sessions": (
        sessions.main,
        "tokens a real llama-server processes for whole agent sessions, with and without the proxy",
    ),
    "scale": (scale.command, scale.HELP),
    "soak": (soak.command, soak.HELP),
    "trace": (trace.command, trace.HELP),
    "causes": (causes.command, causes.HELP),
}
USAGE = """\
usage: python -m bench [NAME [OPTIONS]]

Without a name all benchmarks run, each with its defaults.

{names}

`python -m bench NAME --help` shows the options of each. bench/README.md explains the figures and lists those we
measured.

Example: python -m bench sessions --script household --family chatml_tools"""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 if every goal was met, 1 if not, 2 if there is no such benchmark."""
    match arguments:
        case []:
            return max(command([]) for command, _ in BENCHMARKS.values())
        case ["-h" | "--help", *_]:
            print(usage())
            return 0
        case [name, *options] if name in BENCHMARKS:
            return BENCHMARKS[name][0](options)
        case _:
            print(f"no benchmark {arguments[0]!r}\n\n{usage()}", file=sys.stderr)
            return 2


def be_stoppable() -> None:
    """Whoever asks us to stop gets what Ctrl-C does: the servers that were started are ended on the way out."""
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, signal.default_int_handler)


def usage() -> str:
    """The help text."""
    names = (f"  {name:<13}{meaning}" for name, (_, meaning) in BENCHMARKS.items())
    return USAGE.format(names="\n".join(names))


if __name__ == "__main__":
    be_stoppable()
    sys.exit(main(sys.argv[1:]))
