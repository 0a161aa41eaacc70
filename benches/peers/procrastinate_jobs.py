"""procrastinate: one worker drains jobs that do nothing. `python -m benches.peers.procrastinate_jobs URL PID SECONDS`."""

import asyncio
import contextlib
import logging
import sys

import procrastinate

from benches.peers.measuring import Tally

CONCURRENCY = 20
# More than it gets done, and not so many more that putting them there takes the time.
WAITING_A_SECOND = 800


async def main(url: str, pid: int, seconds: float) -> None:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=12))
    tally = Tally(pid)

    @app.task(name="nothing")
    async def nothing(number: int) -> None:
        tally.jobs += 1

    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        await app.connector.execute_query_async("TRUNCATE procrastinate_jobs CASCADE")
        await nothing.batch_defer_async(*({"number": number} for number in range(int(WAITING_A_SECOND * seconds))))
        with tally.measured(), contextlib.suppress(TimeoutError):
            work = app.run_worker_async(
                wait=False, concurrency=CONCURRENCY, install_signal_handlers=False, listen_notify=False
            )
            await asyncio.wait_for(work, seconds)
    tally.say()


if __name__ == "__main__":
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
