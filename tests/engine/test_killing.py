"""`kill -9` at random moments of a running load: it goes on to its end, and nothing that was answered is missing."""

import random
import time
from pathlib import Path

import pytest

from engine.mill import Mill
from serving import Server, serving


def kill_often(folder: Path, kills: int, pause_max: float, executions_max: int, drain_seconds: float) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"the moments of the kills come from seed {seed}")
    chance = random.Random(seed)
    with serving(folder / "data", "--ack-timeout", "1", "--executor", "process") as server:
        mill = Mill(server, executions_max)
        mill.prepare()
        mill.start()
        try:
            grind(server, mill, chance, kills, pause_max)
            mill.drain(drain_seconds)
        finally:
            mill.ended.set()
            print(f"the server has said: {server.log()}")
        print(f"{len(mill.executions)} executions started, {len(mill.acknowledged)} jobs, {len(mill.results)} results")
        assert mill.results
        mill.check()
        server.kill()
        server.start()
        mill.check()
        assert "Traceback" not in server.log()


def grind(server: Server, mill: Mill, chance: random.Random, kills: int, pause_max: float) -> None:
    for number in range(kills):
        # The one place that must not wait for anything: the moment is to be any.
        pause = chance.uniform(0.05, pause_max)
        time.sleep(pause)
        server.kill()
        print(f"kill {number + 1} after {pause:.3f} s, with {len(mill.results)} results accepted")
        server.start()


def test_two_kills_lose_nothing(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=2, pause_max=0.5, executions_max=12, drain_seconds=30)


@pytest.mark.long
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=20, pause_max=2.0, executions_max=400, drain_seconds=120)
