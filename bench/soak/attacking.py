"""Attacks at random beside a soak's conversations, a process of its own.

`python -m bench.soak.attacking PORT SECONDS SEED JOURNAL`: plays those attacks of bench/limits that need no
hostile backend, one after the other, and writes a line for each: its name, how often, how it ended.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from bench.limits.attacks import ATTACKS
from bench.soak.journal import Journal

NAMES = (
    "first message of 7 MB",
    "first message of 95 MB",
    "six pictures of 15 MB",
    "50,000 tools",
    "1,000 messages, 7 MB",
    "six uploads of 95 MB",
    "one header of 40 MB",
    "40 MB of header lines",
    "a target of 40 MB",
    "200 half heads",
    "1 GB announced",
    "1 GB announced, 100-continue",
    "1 GB in chunks",
)


async def main(arguments: Sequence[str]) -> None:
    """Play for so long."""
    port, seconds, seed, path = arguments
    choose, journal = Random(f"{seed}/attacks"), Journal(Path(path))
    loop = asyncio.get_running_loop()
    until_s = loop.time() + float(seconds)
    while loop.time() < until_s:
        name = choose.choice(NAMES)
        result = await ATTACKS[name]()(int(port))
        journal.write(attack=name, tries=result.tries, ends=result.ends)
        await asyncio.sleep(choose.uniform(0.5, 3.0))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
