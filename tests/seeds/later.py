"""Runs a module on a clock that is ahead: `later.py SECONDS python -m MODULE …` for `python -m MODULE …`."""

import runpy
import sys
import time


def run() -> None:
    system_time, seconds = time.time, float(sys.argv[1])
    time.time = lambda: system_time() + seconds
    sys.argv = sys.argv[4:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run()
