"""Runs in each pod of the scenario kind-identity: queries the agent at a fixed rate, and prints each response time.

An open loop: the next request does not wait for the last answer. Needs what the worker's image has.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import aiohttp

URL = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
TOKEN = Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
PERIOD, SECONDS = float(os.environ["PERIOD"]), float(os.environ["SECONDS"])


async def ask(session: aiohttp.ClientSession, at: float) -> tuple[int, float]:
    """The status (0: none) and the milliseconds of one answer to a request at this time."""
    await asyncio.sleep(at - time.time())
    began = time.perf_counter()
    try:
        async with session.get(URL, headers={"Authorization": TOKEN.read_text()}) as answer:
            await answer.read()
            status = answer.status
    except (aiohttp.ClientError, TimeoutError):
        status = 0
    return status, (time.perf_counter() - began) * 1000


async def main() -> None:
    start = float(os.environ["START"]) + float(os.environ["APART"]) * int(os.environ["JOB_COMPLETION_INDEX"])
    late = time.time() > start
    connector = aiohttp.TCPConnector(force_close=True)  # an SDK sends a request once in a while, on its own connection
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as session:
        moments = [start + number * PERIOD for number in range(round(SECONDS / PERIOD))]
        answers = await asyncio.gather(*(ask(session, moment) for moment in moments))
    sys.stdout.write(json.dumps({"late": late, "answers": answers}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
