"""What the server opens, it closes once: a second time might be somebody else's file or connection."""

from pathlib import Path

from engine.mill import Mill
from serving import Server
from tracing import traced
from waiting import eventually


def test_running_commands_closes_nothing_twice(tmp_path: Path) -> None:
    prefix, log = traced(tmp_path, "close")
    server = Server(tmp_path / "data", "--executor", "process", prefix=prefix)
    try:
        mill = Mill(server, 3, baking_every=1)
        mill.prepare()
        mill.start()
        try:
            eventually(lambda: len(mill.executions) == 3)
            mill.drain(60)
        finally:
            mill.ended.set()
        mill.check()
    finally:
        server.stop()
    calls = log.read_text().splitlines()
    assert len(calls) > 100
    assert [each for each in calls if "EBADF" in each] == []
