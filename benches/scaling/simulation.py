"""The model at work: callers, servers with one committing thread each, a database with so many cores, a disk.

    caller ─► server's process ─► queue ─► a batch, once no more comes in: trips, flush ─► answer
              (one core)         │         (one open at a time in each server)
                                 └► poll that finds nothing: a look, shared with all who ask meanwhile ─► answer

Jobs wait for all who ask; then a claim gets what it asks for, and nobody looks before the next one.

Time is simulated and chance is seeded: the same question gets the same answer. Whoever runs on a core runs to the end of a
piece of work, and pieces wait in the order in which they came; real systems share a core more evenly.
"""

import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random

from msgspec import Struct

from benches.scaling.costs import (
    BATCH_MAX,
    GATHER_SECONDS,
    QUIET_ROUNDS,
    ROUND_SECONDS,
    TRIPS_A_BATCH,
    Costs,
    Shape,
)

__all__ = ["Found", "simulate"]

Then = Callable[[], None]


class Found(Struct, frozen=True):
    """Shares are those of one core for a server, of all of them for the database, of the time for the disk."""

    cycles: float
    calls: float
    mean_ms: float
    p50_ms: float
    p99_ms: float
    batch: float
    server_share: float
    database_share: float
    disk_share: float
    notifications: float


class Clock:
    """What is to happen, by when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Then]] = []
        self._numbers = count()

    def after(self, seconds: float, then: Then) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), then))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.now, _, then = heapq.heappop(self._due)
            then()
        self.now = until


class Cores:
    """So many at once, possibly a part of one more: then each piece takes as much longer."""

    def __init__(self, clock: Clock, cores: float) -> None:
        self._clock = clock
        self._free = max(int(-(-cores // 1)), 1)
        self._slower = self._free / cores
        self._ready: deque[Process] = deque()
        self.busy_seconds = 0.0

    def offer(self, process: "Process") -> None:
        self._ready.append(process)
        self._go_on()

    def _go_on(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            process = self._ready.popleft()
            seconds, then = process.take()
            self.busy_seconds += seconds
            self._clock.after(seconds * self._slower, lambda p=process, t=then: self._end(p, t))  # type: ignore[misc]

    def _end(self, process: "Process", then: Then) -> None:
        self._free += 1
        process.rest()
        then()
        self._go_on()


class Process:
    """Runs on one core at a time."""

    def __init__(self, cores: Cores) -> None:
        self._cores = cores
        self._waiting: deque[tuple[float, Then]] = deque()
        self._is_on = False
        self.busy_seconds = 0.0

    def run(self, seconds: float, then: Then) -> None:
        self._waiting.append((seconds, then))
        if not self._is_on:
            self._is_on = True
            self._cores.offer(self)

    def take(self) -> tuple[float, Then]:
        seconds, then = self._waiting.popleft()
        self.busy_seconds += seconds
        return seconds, then

    def rest(self) -> None:
        self._is_on = bool(self._waiting)
        if self._is_on:
            self._cores.offer(self)


class Together:
    """One turn at a time; all who come meanwhile have the next one in common. So looks and flushes are shared."""

    def __init__(self, turn: Callable[[Then], None]) -> None:
        self._turn = turn
        self._waiting: list[Then] = []
        self._is_on = False

    def join(self, then: Then) -> None:
        self._waiting.append(then)
        if not self._is_on:
            self._begin()

    def _begin(self) -> None:
        self._is_on = True
        served, self._waiting = self._waiting, []
        self._turn(lambda: self._end(served))

    def _end(self, served: list[Then]) -> None:
        self._is_on = False
        if self._waiting:
            self._begin()
        for then in served:
            then()


class World:
    def __init__(self, costs: Costs, shape: Shape, seed: int) -> None:
        self.costs, self.shape = costs, shape
        self.clock, self._random = Clock(), Random(seed)
        shared = Cores(self.clock, shape.shared_cores) if shape.shared_cores is not None else None
        self.database_cores = shared or Cores(self.clock, shape.database_cores)
        self.teller = Process(self.database_cores)
        self.disk_seconds = 0.0
        self.disk = Together(self._flush)
        self.server_cores = [shared or Cores(self.clock, 1) for _ in range(shape.servers)]
        self.servers = [Server(self, cores) for cores in self.server_cores]
        self.callers = [Process(shared) for _ in range(shape.caller_processes)] if shared is not None else []
        self.is_counted = False
        self.calls = self.cycles = self.commits = self.items = self.notifications = 0
        self.latencies: list[float] = []

    def about(self, seconds: float) -> float:
        return seconds * (0.5 + self._random.random())

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def _flush(self, then: Then) -> None:
        seconds = self.about(self.costs.flush_seconds)
        self.disk_seconds += seconds
        self.clock.after(seconds, then)


class Server:
    def __init__(self, world: World, cores: Cores) -> None:
        self.world = world
        self.process = Process(cores)
        self.writer, self.reader, self.listener = (Process(world.database_cores) for _ in range(3))
        self.looks = Together(self._look)
        self._queue: deque[tuple[bool, Then]] = deque()
        self._is_committing = self._is_telling = False

    def call(self, kind: int, then: Then) -> None:
        """0 polls, 1 acknowledges, 2 brings a result."""
        costs, world = self.world.costs, self.world
        if world.shape.are_polls_empty:
            self.process.run(world.about(costs.server_poll), lambda: self.looks.join(then))
        else:
            self.process.run(world.about(costs.server_call / 2), lambda: self._enqueue(kind == 2, then))

    def _look(self, then: Then) -> None:
        costs, world = self.world.costs, self.world
        way = costs.round_trip_seconds / 2
        self.process.run(
            world.about(costs.server_look),
            lambda: world.clock.after(
                way, lambda: self.reader.run(world.about(costs.database_look), lambda: world.clock.after(way, then))
            ),
        )

    def _enqueue(self, is_result: bool, then: Then) -> None:
        self._queue.append((is_result, then))
        if not self._is_committing:
            self._is_committing = True
            self._gather(0, QUIET_ROUNDS)

    def _gather(self, known: int, rounds_left: int) -> None:
        """Begin once no more calls come in, or enough are there."""
        rounds_left = QUIET_ROUNDS if len(self._queue) > known else rounds_left - 1
        if rounds_left and len(self._queue) < BATCH_MAX:
            known = len(self._queue)
            # What the rounds cost is in the cost of a batch.
            go_on = partial(self._gather, known, rounds_left)
            self.world.clock.after(ROUND_SECONDS, lambda: self.process.run(0.0, go_on))
        elif self._queue:
            self._commit()
        else:
            self._is_committing = False

    def _commit(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_MAX))]
        costs, world = self.world.costs, self.world
        stale = 1 - 1 / world.shape.servers
        reloads = sum(1 for is_result, _ in batch if is_result and world.chance(stale))
        own = costs.server_batch + len(batch) * costs.server_call / 2 + reloads * costs.server_reload
        database = costs.database_batch + len(batch) * costs.database_call + reloads * costs.database_reload
        self._trip(batch, TRIPS_A_BATCH, own / TRIPS_A_BATCH, database / TRIPS_A_BATCH)

    def _trip(self, batch: list[tuple[bool, Then]], left: int, own: float, database: float) -> None:
        world, way = self.world, self.world.costs.round_trip_seconds / 2

        def back() -> None:
            world.clock.after(way, lambda: self._trip(batch, left - 1, own, database))

        def there() -> None:
            done = (
                back if left > 1 else lambda: world.disk.join(lambda: world.clock.after(way, lambda: self._end(batch)))
            )
            self.writer.run(world.about(database), done)

        if left:
            self.process.run(world.about(own), lambda: world.clock.after(way, there))

    def _end(self, batch: list[tuple[bool, Then]]) -> None:
        world = self.world
        if world.is_counted:
            world.commits += 1
            world.items += len(batch)
        self._tell()
        for _, then in batch:
            then()
        # Calls that are there already, and not taken in yet, go along with the next one.
        self._gather(0, QUIET_ROUNDS)

    def _tell(self) -> None:
        """All topics of a moment go together; then there is a pause. Those who commit notifications wait for each other."""
        if self._is_telling:
            return
        self._is_telling = True
        world, costs = self.world, self.world.costs
        others = [server for server in world.servers if server is not self]

        def told() -> None:
            world.notifications += world.is_counted
            for server in others:
                server.hear()
            world.clock.after(GATHER_SECONDS, self._may_tell)

        world.teller.run(world.about(costs.database_tell), told)

    def hear(self) -> None:
        costs, world = self.world.costs, self.world
        self.listener.run(
            world.about(costs.database_hear), lambda: self.process.run(world.about(costs.server_hear), _nothing)
        )

    def _may_tell(self) -> None:
        self._is_telling = False


def _nothing() -> None:
    pass


class Caller:
    """One call after the other, always at the same server, as over a connection that stays."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._server = world.servers[number % len(world.servers)]
        self._process = world.callers[number % len(world.callers)] if world.callers else None
        self._kind = number % 3

    def begin(self) -> None:
        world, shape = self._world, self._world.shape
        pause = world.about(shape.pause_seconds) if shape.pause_seconds else 0.0
        if self._process is None:
            world.clock.after(pause + world.about(shape.caller_call), self._call)
        else:
            process = self._process
            world.clock.after(pause, lambda: process.run(world.about(shape.caller_call), self._call))

    def _call(self) -> None:
        began = self._world.clock.now
        self._server.call(self._kind, lambda: self._end(began))

    def _end(self, began: float) -> None:
        world = self._world
        if world.is_counted:
            world.calls += 1
            world.cycles += self._kind == 2 and not world.shape.are_polls_empty
            world.latencies.append(world.clock.now - began)
        self._kind = (self._kind + 1) % 3
        self.begin()


def simulate(costs: Costs, shape: Shape, seconds: float = 2.0, seed: int = 1) -> Found:
    """What comes of it over so many seconds, after half a second in which it gets going and nothing is counted."""
    world = World(costs, shape, seed)
    for number in range(shape.workers):
        world.clock.after(world.about(shape.pause_seconds + 0.001), Caller(world, number).begin)
    settled = 0.5 + shape.pause_seconds
    world.clock.run(settled)
    world.is_counted = True
    busy = _busy(world)
    world.clock.run(settled + seconds)
    server, database, disk = ((after - before) / seconds for before, after in zip(busy, _busy(world), strict=True))
    latencies = sorted(world.latencies) or [0.0]
    return Found(
        cycles=world.cycles / seconds,
        calls=world.calls / seconds,
        mean_ms=sum(latencies) / len(latencies) * 1e3,
        p50_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1e3,
        batch=world.items / max(world.commits, 1),
        server_share=server / shape.servers,
        database_share=database / (shape.shared_cores or shape.database_cores),
        disk_share=disk,
        notifications=world.notifications / seconds,
    )


def _busy(world: World) -> tuple[float, float, float]:
    """Seconds of the servers, of the database's processes, of the disk. A piece counts when it begins."""
    servers = sum(server.process.busy_seconds for server in world.servers)
    sessions = [each for server in world.servers for each in (server.writer, server.reader, server.listener)]
    database = sum(session.busy_seconds for session in sessions)
    return servers, database + world.teller.busy_seconds, world.disk_seconds
