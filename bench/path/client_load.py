"""The same load by an HTTP client for Python (aiohttp), as agents have one. A process of its own.

`python -m bench.path.client_load` takes the jobs of load.py and answers as it does. The client costs more than
the proxies it measures: its requests per second show what a program can send, not what a server can answer.
"""

import asyncio
import gc
import json
import sys
import time
from dataclasses import asdict

import aiohttp

from bench.path.bodies import SIZES, body_of
from bench.path.load import PATH, Job, Told

_WARM = 3


async def run(job: Job) -> Told:
    """Send all requests, by so many tasks at once. Raises aiohttp.ClientError."""
    told, body = Told(), body_of(SIZES[job.size], job.mode)
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{job.port}{PATH}"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def ask() -> float:
            began_s = time.perf_counter()
            async with session.post(url, data=body) as answer:
                answer.raise_for_status()
                await answer.read()
            told.all_requests += 1
            return time.perf_counter() - began_s

        async def ask_until(until_s: float) -> None:
            while time.perf_counter() < until_s:
                told.seconds.append(await ask())

        for _ in range(_WARM):
            await ask()
        began_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(job.connections):
                group.create_task(ask_until(began_s + job.seconds))
        told.total_s = time.perf_counter() - began_s
    told.first_seconds = told.seconds
    return told


def main() -> None:
    """Answer jobs until standard input ends."""
    gc.disable()
    for line in sys.stdin:
        try:
            told = asyncio.run(run(Job(**json.loads(line))))
        except* (aiohttp.ClientError, OSError) as errors:
            told = Told(failed=repr(errors.exceptions[0]))
        print(json.dumps(asdict(told)), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
