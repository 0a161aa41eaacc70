"""Lists as parameters: what PostgreSQL makes of them is what they are."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.array import ListBinaryDumper

from penstock.storage.postgres.adapters import ADAPTERS
from postgres import Cluster

LISTS: dict[str, list[list[Any]]] = {
    "text": [["one", "", '{}\\" NULL', "Grüße \U0001f600", "nul \x00", "\ufdd0\ufdd1"], ["one", None], [None, "two"]],
    "bytea": [[b"one", b"", bytes(range(256))], [None, b"\x00"]],
    "bigint": [[0, -1, 2**63 - 1, -(2**63)], [None, 1], [True, False], [True, 7]],
    "double precision": [[0.5, -1.5, 1e300, float("inf")], [1, 2.5], [None, 0.25]],
}


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection]:
    with cluster.empty() as url, psycopg.connect(url, autocommit=True, context=ADAPTERS) as connection:
        yield connection


@pytest.mark.parametrize(("kind", "sent"), [(kind, each) for kind, lists in LISTS.items() for each in lists])
def test_each_element_arrives_as_it_is(connection: psycopg.Connection, kind: str, sent: list[Any]) -> None:
    ask = f"SELECT asked FROM unnest(%(sent)s::{kind}[]) WITH ORDINALITY AS listed (asked, place) ORDER BY place"
    found = connection.cursor(binary=True).execute(ask.encode(), {"sent": sent}).fetchall()
    assert [value for (value,) in found] == sent


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("sent", [[], [None], [None, None]])
def test_a_list_of_nothing_is_of_any_type(connection: psycopg.Connection, kind: str, sent: list[None]) -> None:
    found = connection.execute(f"SELECT cardinality(%(sent)s::{kind}[])".encode(), {"sent": sent}).fetchone()
    assert found == (len(sent),)


@pytest.mark.parametrize("sent", [[["one"], ["two"]], [1, 2**40]])
def test_lists_in_lists_go_the_drivers_way(connection: psycopg.Connection, sent: list[Any]) -> None:
    assert connection.execute("SELECT %s", (sent,)).fetchone() == (sent,)


KINDS = ({str}, {bytes}, {int}, {float})
ALIKE = [sent for lists in LISTS.values() for sent in lists if set(map(type, sent)) - {type(None)} in KINDS]


@pytest.mark.parametrize("sent", ALIKE)
def test_a_list_is_dumped_as_the_driver_dumps_it(connection: psycopg.Connection, sent: list[Any]) -> None:
    transformer = Transformer(connection)
    found = transformer.get_dumper(sent, PyFormat.BINARY)
    drivers = ListBinaryDumper(list, transformer).upgrade(sent, PyFormat.BINARY)
    assert type(found) is not type(drivers)
    assert (found.oid, found.dump(sent)) == (drivers.oid, drivers.dump(sent))
