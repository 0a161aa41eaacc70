"""Pipelines in memory and in the database: locking and loading them for a decision, writing what a batch of steps made.

Other servers change pipelines too, so what is kept decoded counts only while its revision is the one in the row, which is
locked before anybody looks; each write of anything of a pipeline adds one to it. Documents of versions never change but when
their secrets are sealed anew, which is counted in the same row.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.model import Execution, Pipeline, PipelineVersion
from penstock.ports.storage import Aggregate, Changes, Conflict
from penstock.storage import queries
from penstock.storage.changes import changed_rows, settled
from penstock.storage.postgres.session import Row, Session
from penstock.storage.rows import decode_execution, decode_head, decode_version, encode

__all__ = ["SQL", "Aggregates", "Key", "expect_all"]

SQL = queries.load("aggregates", "postgres")
KEPT_MAX = 2048
_NO_REVISION = -1

Key = tuple[str, str]


class _Kept(Struct, frozen=True):
    """An aggregate as it was at its revision, its versions as they were after so many rewritings."""

    aggregate: Aggregate
    versions_rewritten: int


class Aggregates:
    """Those of the open transaction, and those that were used last over this connection."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: dict[Key, _Kept] = {}
        self._loaded: dict[Key, _Kept | None] = {}

    def forget_loaded(self) -> None:
        """The locks are gone: what is asked for next is locked and looked at again."""
        self._loaded.clear()

    def keep(self) -> None:
        """The transaction is on disk, and with it what was loaded and written."""
        for key, found in self._loaded.items():
            self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = found
        while len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._loaded.clear()

    def load(self, account: str, pipeline_id: str) -> Aggregate | None:
        key = (account, pipeline_id)
        if key not in self._loaded:
            self.load_many([key])
        found = self._loaded[key]
        return found.aggregate if found is not None else None

    def load_many(self, keys: Iterable[Key], also: Sequence[tuple[str, dict[str, Any]]] = ()) -> list[list[Row]]:
        """Lock and load what is not loaded yet; gives what the other statements find, which are run once the locks are held."""
        wanted = sorted({key for key in keys if key not in self._loaded})
        if not wanted:
            return self._session.rows(also) if also else []
        asked = {
            "accounts": [account for account, _ in wanted],
            "pipeline_ids": [pipeline_id for _, pipeline_id in wanted],
            "revisions": [self._kept_revision(key) for key in wanted],
        }
        statements = [(SQL["lock_pipelines"], asked), (SQL["load_changed_executions"], asked)]
        heads, documents, *more = self._session.rows([*statements, *also])
        self._loaded.update(dict.fromkeys(wanted))
        self._loaded.update(self._made(heads, documents))
        self._link()
        return more

    def _kept_revision(self, key: Key) -> int:
        kept = self._kept.get(key)
        return kept.aggregate.revision if kept is not None else _NO_REVISION

    def _made(self, heads: list[Row], documents: list[Row]) -> Iterator[tuple[Key, _Kept]]:
        executions: dict[Key, list[Execution]] = {}
        for account, pipeline_id, document in documents:
            executions.setdefault((account, pipeline_id), []).append(decode_execution(document))
        changed: dict[Key, tuple[int, int, Pipeline]] = {}
        for account, pipeline_id, revision, rewritten, head in heads:
            key = (account, pipeline_id)
            if head is None:
                yield key, self._kept[key]
            else:
                found = {each.id: each for each in executions.get(key, ())}
                changed[key] = (revision, rewritten, Pipeline(head=decode_head(head), executions=found, versions={}))
        versions = self._versions({key: (rewritten, state) for key, (_, rewritten, state) in changed.items()})
        for key, (revision, rewritten, state) in changed.items():
            yield key, _Kept(Aggregate(replace(state, versions=versions[key]), revision), rewritten)

    def _versions(self, states: dict[Key, tuple[int, Pipeline]]) -> dict[Key, dict[int, PipelineVersion]]:
        """The versions that each pipeline needs: those that were kept, if they are still as they were, the rest loaded."""
        found: dict[Key, dict[int, PipelineVersion]] = {key: {} for key in states}
        missing: list[tuple[str, str, int]] = []
        for key, (rewritten, state) in states.items():
            kept = self._kept.get(key)
            is_good = kept is not None and kept.versions_rewritten == rewritten
            known = kept.aggregate.pipeline.versions if kept is not None and is_good else {}
            needed = {state.head.version, *(execution.version for execution in state.executions.values())}
            found[key] = {number: known[number] for number in needed & known.keys()}
            missing += [(*key, number) for number in needed - known.keys()]
        for account, pipeline_id, number, document in self._set("load_versions", missing, "pipeline_ids", "numbers"):
            found[account, pipeline_id][number] = decode_version(document)
        return found

    def _set(self, query: str, keys: Sequence[tuple[Any, ...]], *columns: str) -> list[Row]:
        """What a query finds for a set of keys, whose first column is the account."""
        if not keys:
            return []
        lists = {name: [key[place] for key in keys] for place, name in enumerate(("accounts", *columns))}
        return self._session.run(SQL[query], lists).fetchall()

    def _link(self) -> None:
        """Look up the accounts' links to the partner types of what was loaded: nothing in a pipeline tells when one is made."""
        partner_types = {
            key: dict(_partner_types(found.aggregate.pipeline))
            for key, found in self._loaded.items()
            if found is not None
        }
        wanted = sorted({(key[0], *identity) for key, types in partner_types.items() for identity in types.values()})
        rows = self._set("load_clients", wanted, "providers", "versions")
        clients = {(account, provider, version): client_id for account, provider, version, client_id in rows}
        for key, types in partner_types.items():
            found = self._loaded[key]
            linked = {
                type_key: clients[key[0], *identity]
                for type_key, identity in types.items()
                if (key[0], *identity) in clients
            }
            if found is not None and linked != found.aggregate.pipeline.client_ids:
                pipeline = replace(found.aggregate.pipeline, client_ids=linked)
                self._loaded[key] = replace(found, aggregate=replace(found.aggregate, pipeline=pipeline))

    def write(self, changes: Changes) -> list[tuple[str, list[dict[str, Any]]]]:
        """The statements that write what belongs to pipelines."""
        advanced, headed = [], []
        for aggregate in changes.aggregates:
            head = aggregate.pipeline.head
            revision = aggregate.revision - aggregate.is_head_changed + 1
            where = {"account": head.account, "pipeline_id": head.id, "revision": revision}
            if aggregate.is_head_changed:
                headed.append({**where, "head": encode(head)})
            else:
                advanced.append(where)
            self._follow(aggregate, revision)
        heads = [("write_head", headed), ("advance_revision", advanced)]
        return [*((query, rows) for query, rows in heads if rows), *changed_rows(changes)]

    def _follow(self, aggregate: Aggregate, revision: int) -> None:
        """Have what is in the row now; if it was never loaded, nobody knows what its versions are like."""
        key = (aggregate.pipeline.head.account, aggregate.pipeline.head.id)
        before = self._loaded.pop(key, None)
        if before is not None:
            self._loaded[key] = replace(before, aggregate=Aggregate(settled(aggregate.pipeline), revision))


def expect_all(query: str, rows: int, written: int) -> None:
    """Where a statement names what is there, each row must be there. Raises Conflict."""
    if query.startswith(("update", "write", "advance")) and written != rows:
        raise Conflict(f"{query} met {written} of {rows} rows")


def _partner_types(pipeline: Pipeline) -> Iterator[tuple[str, tuple[str, str]]]:
    """The type keys of the partners' actions, with what a link to their partner is found by."""
    for version in pipeline.versions.values():
        for stage in version.declaration.stages:
            for action in stage.actions:
                if action.action_type_id.owner == "ThirdParty":
                    type_key = version.bindings[f"{stage.name}/{action.name}"].type_key
                    yield type_key, (action.action_type_id.provider, action.action_type_id.version)
