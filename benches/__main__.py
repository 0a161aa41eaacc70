"""`make bench`: what this machine does now, as ratios in one run. Options: --seconds N, --rounds N, --quick."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benches.client import ACTION_TYPE, signed
from benches.held import follow_up_latencies, idle_cost
from benches.servers import Measured, bare_handler, bare_model, penstock, prepare, refill, resident_mib

CONNECTIONS = (1, 8, 32, 64, 128)


def median(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def cycles(folder: Path, server: Measured, seconds: float, rounds: int, levels: tuple[int, ...]) -> None:
    """Durable job cycles: penstock and the bare model take turns within each round."""
    say("\njob cycles (poll, acknowledge, result; every call signed, every answer on disk)")
    say("connections   cycles/s  p50 ms  p99 ms  µs CPU/call |  bare model: cycles/s  µs CPU/call | ratio")
    for connections in levels:
        ours, bare = [], []
        for number in range(rounds):
            asyncio.run(refill(server))
            ours.append(server.load("cycle", connections, seconds))
            (folder / f"bare{connections}-{number}").mkdir()
            model = bare_model(folder / f"bare{connections}-{number}")
            if model is not None:
                bare.append(model.load("cycle", connections, seconds))
                model.stop()
        row = median(ours)
        text = f"{connections:11d} {row['cycles']:10.0f} {row['p50']:7.2f} {row['p99']:7.2f} {row['cpu']:12.0f} |"
        if bare:
            other = median(bare)
            text += f" {other['cycles']:20.0f} {other['cpu']:12.0f} | {row['cycles'] / other['cycles']:5.2f}"
        say(text + ("  (ran dry)" if row["empty"] > 0.05 * row["cycles"] else ""))


def empty_polls(server: Measured, seconds: float, rounds: int) -> None:
    say("\nempty polls, 32 connections")
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(server.load("empty", 32, seconds))
        handler = bare_handler()
        bare.append(handler.load("empty", 32, seconds))
        handler.stop()
    row, other = median(ours), median(bare)
    say(f"penstock      {row['calls']:8.0f} polls/s  {row['cpu']:5.0f} µs CPU/poll")
    say(f"bare handler  {other['calls']:8.0f} polls/s  {other['cpu']:5.0f} µs CPU/poll")
    say(f"ratio {row['calls'] / other['calls']:.2f}")


async def start_latency(server: Measured, rounds: int) -> list[float]:
    """From the call that starts an execution to its first job in a worker's hands, milliseconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def call(operation: str, request: Any) -> bytes:
        writer.write(signed(server.keys, server.port, operation, request))
        head = await reader.readuntil(b"\r\n\r\n")
        return await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))

    kind = {**ACTION_TYPE, "category": "Source"}
    found = []
    for number in range(rounds):
        began = time.perf_counter()
        await call("StartPipelineExecution", {"name": f"p{number:04}"})
        while b'"nonce"' not in await call("PollForJobs", {"actionTypeId": kind}):
            pass
        found.append((time.perf_counter() - began) * 1e3)
    writer.close()
    return sorted(found)


def held_polls(folder: Path, seconds: float) -> None:
    """On a server of its own, with as many pipelines as there are workers free."""
    server = penstock(folder / "held")
    try:
        asyncio.run(prepare(server, pipelines=16))
        found = asyncio.run(follow_up_latencies(server, 100.0, max(seconds, 3.0)))
        p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
        say(f"\nresult to the next action's job in a held poll, 100 cycles/s: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        polls, share = asyncio.run(idle_cost(server, 2000.0, 200, max(seconds, 3.0)))
        say(
            f"10,000 idle workers that poll every 5 s ({polls:.0f} polls/s over 200 connections): {share:.2f} of a core"
        )
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="*", default=CONNECTIONS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = penstock(folder / "data")
        try:
            say(f"start to first connection {server.start_seconds:.2f} s")
            time.sleep(1.0)
            say(f"idle memory {resident_mib(server.process.pid):.0f} MiB")
            asyncio.run(prepare(server))
            cycles(folder, server, options.seconds, options.rounds, tuple(options.connections))
            empty_polls(server, options.seconds, options.rounds)
            # What the loads left behind is worked off, so that each start meets a free stage.
            server.load("cycle", 32, options.seconds)
            latencies = asyncio.run(start_latency(server, 200))
            say(f"\nstart to first job: p50 {latencies[100]:.2f} ms, p99 {latencies[198]:.2f} ms (one connection)")
        finally:
            server.stop()
        held_polls(folder, options.seconds)


if __name__ == "__main__":
    main()
