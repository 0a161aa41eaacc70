"""DBOS: eight threads run durable workflows that do nothing. `python -m benches.peers.dbos_jobs URL PID SECONDS`."""

import os
import sys
import threading
import time

from dbos import DBOS

from benches.peers.measuring import Tally

THREADS = 8


def main(url: str, pid: int, seconds: float) -> None:
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})
    tally, counting = Tally(pid), threading.Lock()

    @DBOS.workflow()
    def nothing() -> int:
        return 1

    def work(stop_at: float) -> None:
        while time.perf_counter() < stop_at:
            nothing()
            with counting:
                tally.jobs += 1

    DBOS.launch()
    nothing()
    with tally.measured():
        threads = [threading.Thread(target=work, args=(time.perf_counter() + seconds,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    tally.say()
    # Its own threads would keep the process for a while.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
