"""The parameters of the model: what each thing costs, and what there is to pay with."""

from msgspec import Struct

__all__ = [
    "BATCH_MAX",
    "CALLS_A_CYCLE",
    "CONNECTIONS_A_SERVER",
    "DEFAULTS",
    "QUIET_ROUNDS",
    "ROUND_SECONDS",
    "TRIPS_A_BATCH",
    "Costs",
    "Shape",
]

# As they are in the code: engine/committer.py, storage/postgres/pool.py, wakeup/postgres.py.
BATCH_MAX = 128
# A round of the loop in which nothing comes, and how many of them end the gathering of a batch.
ROUND_SECONDS = 1e-6
QUIET_ROUNDS = 8
GATHER_SECONDS = 0.01
# One that writes, eight that read, one that tells and one that listens.
CONNECTIONS_A_SERVER = 11
# Pipelines and jobs are locked; what was decided is written, jobs are handed out, others acknowledged; the end. Where another
# server has seen a job acknowledged, it is read before that.
TRIPS_A_BATCH = 3
# PollForJobs, AcknowledgeJob, PutJobSuccessResult.
CALLS_A_CYCLE = 3


class Costs(Struct, frozen=True):
    """Seconds of CPU unless the name says otherwise; `server_` in a server's process, `database_` in PostgreSQL's."""

    # A call that writes, wherever it is in its batch; and what each batch costs besides.
    server_call: float
    server_batch: float
    database_call: float
    database_batch: float
    # A result whose pipeline is not as this server keeps it.
    server_reload: float
    database_reload: float
    # A poll that finds nothing; and the look that it shares with all who ask meanwhile.
    server_poll: float
    server_look: float
    database_look: float
    # One notification: telling it, and hearing it, in the database and in a server.
    database_tell: float
    database_hear: float
    server_hear: float
    # A second of one held poll in which nothing comes.
    server_held: float
    # A dead row that VACUUM takes away.
    database_vacuum: float
    round_trip_seconds: float
    flush_seconds: float
    wal_bytes_a_cycle: float
    dead_rows_a_cycle: float
    # What a cycle leaves behind for good, until it is as old as history may become.
    kept_bytes_a_cycle: float


class Shape(Struct, frozen=True):
    """An installation and its load. Without `shared_cores` each server has a core, the database its own, callers any number."""

    servers: int
    workers: int
    database_cores: float = 8.0
    # What a caller spends before its next call: itself (of a core, if cores are shared), and waiting.
    caller_call: float = 0.0
    pause_seconds: float = 0.0
    # The processes that callers run in, and the cores of one machine that all share.
    caller_processes: int = 1
    shared_cores: float | None = None
    are_polls_empty: bool = False


# As `--measure` found them; docs/scaling.md says on what.
DEFAULTS = Costs(
    server_call=112e-6,
    server_batch=1715e-6,
    database_call=64.8e-6,
    database_batch=1140e-6,
    server_reload=209e-6,
    database_reload=0e-6,
    server_poll=43.1e-6,
    server_look=393e-6,
    database_look=108e-6,
    database_tell=77.5e-6,
    database_hear=11.3e-6,
    server_hear=51.3e-6,
    server_held=62.5e-6,
    database_vacuum=1.64e-6,
    round_trip_seconds=300e-6,
    flush_seconds=1000e-6,
    wal_bytes_a_cycle=7040.0,
    dead_rows_a_cycle=6.09,
    kept_bytes_a_cycle=4110.0,
)
