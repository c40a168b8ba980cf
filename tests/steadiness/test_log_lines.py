"""Lines of the turn log stay whole when a disk takes the half of one, or the process was killed in one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from warmprefix.log.writer import TurnLog

ROOT = Path(__file__).parents[2]

_PRINTS_ON_A_FULL_DISK = """
import resource, sys, time
from warmprefix.log.operator import operator_log
from warmprefix.log.writer import TurnLog, line_of

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def wait_for(claim):
    while not claim():
        time.sleep(0.002)

size = len(line_of({"index": 0}))
limit(size * 2 + size // 2)
with operator_log("info", sys.stderr):
    log = TurnLog(sys.stdout.buffer)
    for index in range(5):
        log.write({"index": index})
    wait_for(lambda: log.failed == 3)
    limit(resource.RLIM_INFINITY)
    for index in range(5, 8):
        log.write({"index": index})
    log.close()
"""


def test_standard_output_on_a_full_disk_goes_on_with_whole_lines(tmp_path: Path) -> None:
    """The third line is begun while there is room for half of it, and ended when there is room again."""
    with (tmp_path / "out").open("wb") as output:
        line = [sys.executable, "-c", _PRINTS_ON_A_FULL_DISK]
        done = subprocess.run(
            line, cwd=ROOT, stdout=output, stderr=subprocess.PIPE, timeout=30, check=True
        )

    lines = [json.loads(line)["index"] for line in (tmp_path / "out").read_text().splitlines()]
    assert lines == [0, 1, 2, 5, 6, 7]
    told = [line.partition(" ")[2] for line in done.stderr.decode().splitlines()]
    assert told == [
        "WARNING warmprefix: the turn log cannot be written: standard output: File too large; requests go on",
        "WARNING warmprefix: the turn log is written again: standard output; 3 lines were not written",
    ]


@pytest.mark.parametrize(
    ("left", "kept"), [(b'{"index": 1}\n{"ind', 1), (b'{"index": 1}\n', 1), (b"", 0)]
)
def test_a_half_line_of_a_killed_process_does_not_spoil_the_next(
    left: bytes, kept: int, tmp_path: Path
) -> None:
    path = tmp_path / "turns.log"
    path.write_bytes(left)

    log = TurnLog(None, path)
    log.write({"index": 2})
    log.close()

    lines = path.read_bytes().split(b"\n")
    assert json.loads(lines[-2])["index"] == 2
    assert lines[-1] == b""
    assert len(lines) == kept + 2 + left.endswith(b'{"ind')
