"""The plans that PostgreSQL makes once and keeps: each hot query finds its rows by an index, however empty a table was then."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from penstock.storage import queries
from penstock.storage.postgres.connection import WRITING
from postgres import Cluster

# A query on the way of every poll, acknowledgement, result and timer must find its rows by an index.
LARGE = {"jobs", "executions", "timers", "action_executions", "rule_executions", "pipelines", "objects", "uploads"}
LARGE |= {
    "pipeline_versions",
    "links",
    "upload_parts",
    "job_logs",
    "request_tokens",
    "source_revisions",
    "watches",
    "tags",
    "action_types",
}
# What is not asked for on that way may walk through a part of a table.
COLD = {
    "aggregates": (),
    "jobs": ("last_number",),
    "pipelines": ("pipeline_count", "delete_watches", "delete_timers", "watches_of_pipeline"),
    "history": (),
    "objects": ("bucket_has_objects", "bucket_part_files"),
    "partners": (),
    "principals": (),
    "registry": (),
    "sealed": (),
    "webhooks": ("webhook_count",),
}
# Those of SQLite, in whose place others stand.
NOT_OURS = {"load_client", "load_job", "load_work", "slice_jobs", "job_id", "last_number"}


# What the driver sends as a number; the rest the server makes out for itself.
TYPES = {"now": "double precision", "kept_max": "bigint", "held_until": "double precision"}


SOME_ROWS = """
INSERT INTO pipelines SELECT 'a', 'r', 'n' || n, 'p' || n, 1, 1, 0, 1, 1, '' FROM generate_series(1, 20) n;
INSERT INTO pipeline_versions SELECT 'a', 'p' || n, 1, 1, '' FROM generate_series(1, 20) n;
INSERT INTO executions SELECT 'a', 'p' || n, 1, 'e', 'InProgress', '' FROM generate_series(1, 20) n;
INSERT INTO action_executions SELECT 'a', 'p' || n, 1, 1, 'r', 'e', 1, 's', 'a', 'Failed', '', '' FROM generate_series(1, 9) n;
INSERT INTO links SELECT 'a', 'v' || n, '1', 'c' || n, 1 FROM generate_series(1, 20) n;
INSERT INTO jobs
    (account, id, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, status, visible_at, created_at,
     work)
    SELECT 'a', 'j' || n, 'r', 'p', 'e', 's', 'a', 'r', 't', '', 'Queued', 1, 1, decode(repeat('ab', 600), 'hex')
    FROM generate_series(1, 20) n;
INSERT INTO timers SELECT 'a', 's' || n, 'k', 'p' || n, 1, 1 FROM generate_series(1, 20) n;
INSERT INTO action_types SELECT 'k' || n, 'a', 'r', 'Custom', 'Build', 'p' || n, '1', 1, NULL, '' FROM generate_series(1, 20) n;
INSERT INTO tags SELECT 'a', 'arn' || n, 'k', 'v' FROM generate_series(1, 20) n;
INSERT INTO upload_parts SELECT 'a', 'u', n, 1, 'e', 'f' || n, 1, '', '', '' FROM generate_series(1, 20) n
"""


def hot_queries() -> list[tuple[str, str]]:
    found = []
    for file, cold in COLD.items():
        known = queries.load(file, "postgres")
        assert set(cold) <= set(known)
        found += [(name, sql) for name, sql in known.items() if name not in cold and name not in NOT_OURS]
    return found


def walked(node: dict[str, Any], is_limited: bool = False) -> Iterator[str]:
    """The scans of a plan that read more of a large table than they need."""
    is_limited = is_limited or node["Node Type"] == "Limit"
    kind, table = node["Node Type"], node.get("Relation Name")
    by_key = "Index Cond" in node or "TID Cond" in node or (is_limited and kind.startswith("Index"))
    if "Scan" in kind and table in LARGE and kind != "Bitmap Heap Scan" and not by_key:
        yield f"{kind} of {table}"
    if kind == "Bitmap Index Scan" and "Index Cond" not in node:
        yield f"{kind} of {node['Index Name']}"
    yield from badly_bound(node)
    for inner in node.get("Plans", ()):
        yield from walked(inner, is_limited and inner["Node Type"] not in ("Sort", "Aggregate", "Hash"))


# What a row is named by. If an index is not told one of them, it goes through all rows that have the others.
KEYS = ("account", "pipeline_id", "execution_number", "number", "id", "run_id", "stamp", "bucket", "object_key")


def badly_bound(node: dict[str, Any]) -> Iterator[str]:
    """Where an index is used from its middle, or finds more than one row of which a filter then takes one."""
    index, condition = node.get("Index Name", ""), node.get("Index Cond", "")
    columns = INDEXES.get(index, ())
    # An id alone names a row.
    if not columns or not condition or columns == ["id"]:
        return
    bound = [re.search(rf"\b{column}\b", condition) is not None for column in columns]
    if not bound[0] or sorted(bound, reverse=True) != bound:
        yield f"{index} is used from its middle: {condition}"
    left = [key for key in KEYS if re.search(rf"\b{key} = ", node.get("Filter", ""))]
    if left:
        yield f"{index} leaves {left} to a filter: {node['Filter']}"


INDEXES: dict[str, list[str]] = {}
_INDEXES = """
SELECT indexrelid::regclass::text, array_agg(attname ORDER BY place)
FROM pg_index CROSS JOIN LATERAL unnest(indkey) WITH ORDINALITY AS listed (number, place)
    JOIN pg_attribute ON attrelid = indrelid AND attnum = listed.number
WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) GROUP BY 1
"""


@pytest.mark.parametrize(("name", "sql"), hot_queries(), ids=[name for name, _ in hot_queries()])
def test_a_hot_query_finds_its_rows_by_an_index(cluster: Cluster, plans: Any, name: str, sql: str) -> None:
    assert list(walked(plan_of(plans, sql))) == []


OF_TYPES = {
    "custom_type_count": {"action_types_of_account"},
    "partner_types": {"action_types_of_provider"},
    "action_types": {"action_types_of_account", "action_types_pkey"},
}


@pytest.mark.parametrize("name", OF_TYPES)
def test_of_all_action_types_those_alone_are_walked_that_are_given(plans: Any, name: str) -> None:
    """The first two hold no deleted types, and the key is told where those of partners begin, which are never deleted."""
    found = plan_of(plans, queries.load("registry", "postgres")[name])
    scans = [node for node in nodes(found) if "Index Name" in node]
    assert {node["Index Name"] for node in scans} == OF_TYPES[name]
    assert all("Index Cond" in node for node in scans)


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from nodes(inner)


def plan_of(plans: Any, sql: str) -> dict[str, Any]:
    """The plan that is made once, for whatever values."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)[sb]", sql)))
    positional = re.sub(r"%\((\w+)\)[sb]", lambda found: f"${names.index(found[1]) + 1}", sql)
    types, nulls = (
        f"({', '.join(each)})" if names else ""
        for each in ([TYPES.get(name, "unknown") for name in names], ["NULL"] * len(names))
    )
    plans.execute(f"PREPARE hot {types} AS {positional.replace('%%', '%')}")
    try:
        (plan,) = plans.execute(f"EXPLAIN (FORMAT JSON) EXECUTE hot{nulls}").fetchone()
    finally:
        plans.execute("DEALLOCATE hot")
    found: dict[str, Any] = plan[0]["Plan"]
    return found


STATES = {
    "empty": "",
    "unknown": SOME_ROWS,
    "few rows": f"{SOME_ROWS}; ANALYZE",
    # Enough for the planner to think that it takes two indexes to find a row.
    "many unknown": SOME_ROWS.replace("(1, 20)", "(1, 600)"),
}


@pytest.fixture(scope="module", params=STATES.values(), ids=STATES)
def plans(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A connection that plans as the server's do, with a planner that would often rather read whole tables."""
    with cluster.empty(has_tables=True) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(request.param)
        INDEXES.update(connection.execute(_INDEXES).fetchall())
        connection.execute(WRITING)
        yield connection
