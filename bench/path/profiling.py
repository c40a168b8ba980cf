"""`python -m bench path --profile`: where the complete proxy spends its time under load (py-spy)."""

import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.path.contestants import COMPLETE, ENVIRONMENT, Contestant, complete, standing
from bench.path.measure import Row, load_process
from bench.path.report import machine, markdown

_SECONDS = 20
_SAMPLES_A_SECOND = 500
_ROW = Row("20 KB", "whole", 16)
_SHOWN = 25


def profile() -> int:
    """Sample the proxy under 20 KB at 16 and print the table; 2 if py-spy is not installed."""
    program = ENVIRONMENT / "bin" / "py-spy"
    if not program.exists():
        print("py-spy is not installed: make bench-contestants", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory() as folder,
        standing([Contestant(COMPLETE, complete)]) as found,
        load_process() as load,
    ):
        out = Path(folder) / "stacks"
        target = found[COMPLETE]
        loading = threading.Thread(target=load.run, args=(target, _ROW, _SECONDS + 4.0))
        loading.start()
        line = [str(program), "record", "--pid", str(target.pid), "--duration", str(_SECONDS)]
        line += ["--rate", str(_SAMPLES_A_SECOND), "--format", "raw", "--function"]
        line += ["--output", str(out)]
        subprocess.run(line, check=True, capture_output=True)
        loading.join()
        stacks = out.read_text().splitlines()
    print(f"{machine()}; {_ROW.size} at {_ROW.at}, {_SECONDS} s, {_SAMPLES_A_SECOND} samples/s.\n")
    print("Running threads only. *self*: in the function itself and in C code that it called.\n")
    head = ["function", "self", "with callees"]
    print("\n".join(markdown(head, table(stacks)[:_SHOWN])))
    # Without functions that only call others: the command line, threads, one-liners.
    whole = [row for row in table(stacks, with_callees=True) if row[1] != "0.0%"]
    print("\n".join(["", *markdown(head, whole[:_SHOWN])]))
    return 0


def table(stacks: Iterable[str], *, with_callees: bool = False) -> list[tuple[str, str, str]]:
    """Functions by their own share of all samples, or by their share with callees; from lines `outer;...;inner
    COUNT`."""
    itself: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        names = [_short(frame) for frame in frames.split(";")]
        itself[names[-1]] += int(count)
        for name in set(names):
            within[name] += int(count)
    total = itself.total()
    return [
        (f"`{name}`", f"{itself[name] / total:.1%}", f"{within[name] / total:.1%}")
        for name, _ in (within if with_callees else itself).most_common()
    ]


def _short(frame: str) -> str:
    """`function (package/file.py)`, without the folders before it."""
    function, _, file = frame.partition(" (")
    parts = Path(file.removesuffix(")")).parts
    return f"{function} ({'/'.join(parts[-2:])})"
