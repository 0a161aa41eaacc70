"""Connections to PostgreSQL, and what is said to the server on each before it is used."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from penstock.storage.postgres.adapters import ADAPTERS
from penstock.wire.errors import ServiceUnavailable

__all__ = ["READING", "WRITING", "Connection", "away", "connect", "conninfo", "is_lost"]

Connection = psycopg.Connection[tuple[Any, ...]]

# What the address does not say otherwise. A server that is gone without a word is noticed within seconds.
_DEFAULTS: dict[str, str] = {
    "application_name": "penstock",
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}

# Every statement finds its few rows by an index. Plans are made once, often while a table is nearly empty, and a table that
# holds what waits grows faster than its statistics: a plan that walks through all of it would still be there when it is long.
# A bitmap of two indexes is such a plan too: where a row is named by its id, all that wait are put into a bitmap beside it.
_PLANS = (
    "SET plan_cache_mode = force_generic_plan; SET jit = off;"
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off"
)
READING = f"{_PLANS}; SET default_transaction_read_only = on; SET statement_timeout = '10s'"
# Documents say the same words over and over; the usual method takes several times as long to make them a little smaller.
# Before version 14, and where it was left out of the build, there is none but the usual one.
_COMPRESSION = "DO $$ BEGIN SET default_toast_compression = lz4; EXCEPTION WHEN OTHERS THEN NULL; END $$"
# Who hangs while it holds locks must not hold up all other servers: it is cut off, and its transaction is undone.
_LIMITS = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'"
WRITING = f"{_PLANS}; {_COMPRESSION}; {_LIMITS}; SET synchronous_commit = on"


def conninfo(url: str) -> str:
    """The address as libpq takes it. Raises ValueError if it is none; the text does not repeat it: it may hold a password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise ValueError("--database-url takes postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
    return make_conninfo(**{**_DEFAULTS, **{name: str(value) for name, value in given.items() if value is not None}})


def connect(address: str) -> Connection:
    """A connection of its own, on which every BEGIN and COMMIT is said in so many words. Raises psycopg.OperationalError."""
    connection = psycopg.connect(address, autocommit=True, context=ADAPTERS, prepare_threshold=1)
    connection.prepared_max = 1000
    return connection


# Connection exceptions, too few resources, an end that an operator asked for, trouble with disks, and a server that is one for
# reading by now.
_LOST_CLASSES = ("08", "53", "57P", "58", "25006", "25P03")


def is_lost(problem: psycopg.Error) -> bool:
    """Whether it is the database that has failed, and not the statement."""
    if problem.sqlstate is not None:
        return problem.sqlstate.startswith(_LOST_CLASSES)
    return isinstance(problem, psycopg.OperationalError | psycopg.InterfaceError)


def away() -> ServiceUnavailable:
    """What callers are told while the database does not answer."""
    return ServiceUnavailable("The database cannot be reached at present")
