"""What a process uses, as Linux reports it: memory, descriptors, sockets, threads; and how it grows."""

import os
import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process. `at_s` since the soak began; `rss_mb` resident memory in MiB."""

    at_s: float
    rss_mb: float
    descriptors: int
    sockets: int
    threads: int


def look(pid: int, at_s: float) -> Sample:
    """What the process uses now."""
    root = Path(f"/proc/{pid}")
    pages = int((root / "statm").read_text().split()[1])
    targets = []
    for descriptor in (root / "fd").iterdir():
        with suppress(OSError):  # closed since
            targets.append(str(descriptor.readlink()))
    return Sample(
        at_s,
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        len(targets),
        sum(target.startswith("socket:") for target in targets),
        len(list((root / "task").iterdir())),
    )


def slope(samples: Sequence[Sample]) -> float:
    """MiB per minute: the least-squares line through the resident memory."""
    line = statistics.linear_regression(
        [sample.at_s / 60 for sample in samples], [sample.rss_mb for sample in samples]
    )
    return line.slope
