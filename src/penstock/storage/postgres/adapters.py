"""How values cross the wire to PostgreSQL and back: what a connection is told.

Whole numbers and truth values are always sent as `bigint`: a statement is prepared once and not for every size of number.
"""

from typing import Any

import psycopg
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from penstock.storage.postgres.lists import ListDumper
from penstock.storage.postgres.texts import TEXT_DUMPERS, TEXT_LOADERS

__all__ = ["ADAPTERS"]


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    # Of two, the one that comes last is taken where a statement does not say which it wants.
    for dumper in TEXT_DUMPERS:
        adapters.register_dumper(str, dumper)
    for number_dumper in (Int8BinaryDumper, Int8Dumper):
        adapters.register_dumper(int, number_dumper)
    adapters.register_dumper(bool, Int8Dumper)
    adapters.register_dumper(list, ListDumper)
    for loader in TEXT_LOADERS:
        adapters.register_loader("text", loader)
    return adapters


class _Context:
    """What a new connection takes its adapters from."""

    adapters = _adapters()
    connection: Any = None


ADAPTERS: AdaptContext = _Context()
