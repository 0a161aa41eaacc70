"""What each resource can carry at the most, by arithmetic alone: capacity over demand."""

from msgspec import Struct

from benches.scaling.costs import (
    BATCH_MAX,
    CALLS_A_CYCLE,
    CONNECTIONS_A_SERVER,
    GATHER_SECONDS,
    TRIPS_A_BATCH,
    Costs,
    Shape,
)

__all__ = ["Bounds", "Demands", "bounds", "demands", "upkeep"]


class Demands(Struct, frozen=True):
    """CPU seconds that one cycle asks for, in batches of that size."""

    server: float
    database: float
    caller: float


class Bounds(Struct, frozen=True):
    """Cycles a second that each would carry if nothing else were in the way."""

    servers: float
    # Each server has one transaction open at a time, and its steps follow each other.
    commits: float
    database: float
    callers: float
    shared: float

    @property
    def least(self) -> float:
        return min(self.servers, self.commits, self.database, self.callers, self.shared)

    @property
    def nearest(self) -> str:
        return min(("servers", "commits", "database", "callers", "shared"), key=lambda name: float(getattr(self, name)))


class Upkeep(Struct, frozen=True):
    """What so many cycles a second bring with them."""

    wal_bytes: float
    dead_rows: float
    vacuum_cores: float
    kept_bytes_a_day: float
    connections: int
    notifications: float
    # Of each server's core, and of the database's for all of them.
    hearing_cores: float
    telling_cores: float


def demands(costs: Costs, shape: Shape, batch: float = BATCH_MAX) -> Demands:
    """A pipeline was last changed elsewhere as often as others are at work."""
    stale = 1 - 1 / shape.servers
    return Demands(
        server=CALLS_A_CYCLE * (costs.server_call + costs.server_batch / batch) + stale * costs.server_reload,
        database=CALLS_A_CYCLE * (costs.database_call + costs.database_batch / batch) + stale * costs.database_reload,
        caller=CALLS_A_CYCLE * shape.caller_call,
    )


def bounds(costs: Costs, shape: Shape, batch: float = BATCH_MAX) -> Bounds:
    asked = demands(costs, shape, batch)
    cycles = batch / CALLS_A_CYCLE
    stale = 1 - 1 / shape.servers
    # While a transaction is open: half of what its calls cost the server, and all that it costs the database.
    open_seconds = batch * (costs.server_call / 2 + costs.database_call) + costs.server_batch + costs.database_batch
    open_seconds += cycles * stale * (costs.server_reload + costs.database_reload)
    open_seconds += TRIPS_A_BATCH * costs.round_trip_seconds + costs.flush_seconds
    # A cycle's three calls are answered one after the other, by a commit each.
    alone = CALLS_A_CYCLE * (TRIPS_A_BATCH * costs.round_trip_seconds + costs.flush_seconds + shape.pause_seconds)
    alone += costs.server_call + costs.database_call + costs.server_batch + costs.database_batch
    everything = asked.server + asked.database + asked.caller
    return Bounds(
        servers=shape.servers / asked.server,
        commits=shape.servers * cycles / open_seconds,
        database=shape.database_cores / asked.database,
        callers=shape.workers / (alone + asked.caller),
        shared=shape.shared_cores / everything if shape.shared_cores is not None else float("inf"),
    )


def upkeep(costs: Costs, servers: int, cycles: float) -> Upkeep:
    # A server tells all that it has gathered at once, and rests before it tells again.
    notifications = min(servers / GATHER_SECONDS, cycles)
    return Upkeep(
        wal_bytes=cycles * costs.wal_bytes_a_cycle,
        dead_rows=cycles * costs.dead_rows_a_cycle,
        vacuum_cores=cycles * costs.dead_rows_a_cycle * costs.database_vacuum,
        kept_bytes_a_day=cycles * costs.kept_bytes_a_cycle * 86400,
        connections=servers * CONNECTIONS_A_SERVER,
        notifications=notifications,
        hearing_cores=notifications * (1 - 1 / servers) * costs.server_hear,
        telling_cores=notifications * (costs.database_tell + (servers - 1) * costs.database_hear),
    )
