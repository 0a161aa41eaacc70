"""dramatiq on Redis: eight threads drain jobs that do nothing.

`python -m benches.peers.dramatiq_jobs URL PID SECONDS`
"""

import logging
import sys
import threading

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benches.peers.measuring import Tally

THREADS = 8
# More than it gets done; a machine that does all of them is timed up to the last.
WAITING_A_SECOND = 4000


def main(url: str, pid: int, seconds: float) -> None:
    broker = RedisBroker(url=url)
    broker.flush_all()
    dramatiq.set_broker(broker)
    tally, counting, all_done = Tally(pid), threading.Lock(), threading.Event()
    waiting = int(WAITING_A_SECOND * seconds)

    @dramatiq.actor
    def nothing() -> None:
        with counting:
            tally.jobs += 1
        if tally.jobs == waiting:
            all_done.set()

    for _ in range(waiting):
        nothing.send()
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=50)
    with tally.measured():
        worker.start()
        all_done.wait(seconds)
        done = tally.jobs
    tally.jobs = done
    tally.say()
    worker.stop()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
