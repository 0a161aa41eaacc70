"""`python -m benches.scaling`: what the model says of more servers; with `--measure`, beside what this machine does."""

import argparse
import tempfile
from pathlib import Path

import msgspec

from benches import machine
from benches.databases import Missing
from benches.processes import Failed
from benches.scaling.costs import DEFAULTS, Costs
from benches.scaling.fitting import FITTED_CYCLES, FITTED_POLLS, Apart, fitted, median
from benches.scaling.measuring import PIPELINES, Bench, Point
from benches.scaling.tables import beside, outlook, parameters, polled, upkeep_table

ONE, TWO = (8, 32, 64, 128), (8, 32, 64, 128)
POLLING = (1, 8, 64)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.scaling", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure first, in two or three minutes")
    parser.add_argument(
        "--rounds", type=int, default=3, help="of measurements, of which medians are taken  [default: 3]"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement  [default: 2]")
    parser.add_argument("--servers", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--workers", type=int, default=128, help="for each server  [default: 128]")
    parser.add_argument("--database-cores", type=float, default=16.0)
    parser.add_argument("--round-trip-ms", type=float, default=0.3, help="between server and database  [default: 0.3]")
    parser.add_argument("--flush-ms", type=float, default=1.0)
    return parser.parse_args()


def measure(chosen: argparse.Namespace, folder: Path) -> Costs:
    bench = Bench(folder)
    try:
        first = bench.start()
        bench.set_up(first, PIPELINES)
        apart = _apart(bench, chosen)
        second = bench.start()
        cycles: dict[tuple[int, int], list[Point]] = {}
        polls: dict[tuple[int, int], list[Point]] = {}
        for _ in range(chosen.rounds):
            for connections in POLLING:
                polls.setdefault((1, connections), []).append(bench.polls([first], connections, chosen.seconds))
            for servers, numbers in (([first], ONE), ([first, second], TWO)):
                for connections in numbers:
                    point = bench.cycles(servers, connections, chosen.seconds)
                    cycles.setdefault((len(servers), connections), []).append(point)
            polls.setdefault((2, 64), []).append(bench.polls([first, second], 64, chosen.seconds))
    finally:
        bench.close()
    found = {key: median(points) for key, points in cycles.items()}
    idle = {key: median(points) for key, points in polls.items()}
    costs = fitted(found, idle, apart)
    print(f"\nPostgreSQL {bench.version}; medians of {chosen.rounds} rounds of {chosen.seconds:g} s\n")
    print("Job cycles: the model beside what was measured (* the model is made of it)\n")
    print(beside(costs, found, FITTED_CYCLES))
    print("\nPolls that find nothing\n")
    print(beside(costs, idle, FITTED_POLLS, are_polls_empty=True))
    return costs


def _apart(bench: Bench, chosen: argparse.Namespace) -> Apart:
    """What is measured by itself, with one server: rows, WAL, VACUUM, notifications, held polls."""
    server = bench.servers[0]
    bench.vacuum(is_left_to_it=False)
    before = bench.rows()
    points = [bench.cycles([server], 64, chosen.seconds) for _ in range(3)]
    written = bench.rows()
    gone = {table: {what: written[table][what] - row[what] for what in row} for table, row in before.items()}
    cycles = gone["action_executions"]["updated"]
    dead, vacuumed = bench.vacuum(is_left_to_it=True)
    told, heard_there, heard_here = bench.notifications(server)
    held, _ = bench.held(server, 4.0)
    images = bench.images(server, chosen.seconds)
    print(upkeep_table(gone, cycles, images))
    return Apart(
        database_tell=told,
        database_hear=max(heard_there, 0.0),
        server_hear=heard_here,
        server_held=held,
        database_vacuum=vacuumed / max(dead, 1),
        round_trip_seconds=bench.round_trip_seconds(),
        flush_seconds=bench.flush_seconds(),
        wal_bytes_a_cycle=3 * median(points).wal_bytes_a_call,
        dead_rows_a_cycle=sum(row["updated"] + row["deleted"] for row in gone.values()) / cycles,
        kept_bytes_a_cycle=sum(row["bytes"] for row in gone.values()) / cycles,
    )


def main() -> None:
    chosen = options()
    costs = DEFAULTS
    if chosen.measure:
        under = machine.ON_DISK if machine.ON_DISK.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="penstock-scaling-", dir=under, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            # The user that PostgreSQL runs as has a folder in it.
            folder.chmod(0o711)
            print(machine.described(folder))
            try:
                costs = measure(chosen, folder)
            except (Missing, Failed) as problem:
                raise SystemExit(str(problem)) from problem
    print("\nParameters, CPU in microseconds\n")
    print(parameters(costs))
    costs = msgspec.structs.replace(
        costs, round_trip_seconds=chosen.round_trip_ms / 1e3, flush_seconds=chosen.flush_ms / 1e3
    )
    print(
        f"\nEach server on a core of its own, {chosen.workers} busy workers for each; PostgreSQL on "
        f"{chosen.database_cores:g} cores, {chosen.round_trip_ms:g} ms away, {chosen.flush_ms:g} ms a flush\n"
    )
    print(outlook(costs, chosen.servers, chosen.workers, chosen.database_cores))
    print("\nThe same, with polls that find nothing\n")
    print(polled(costs, chosen.servers[:3], chosen.workers, chosen.database_cores))


if __name__ == "__main__":
    main()
