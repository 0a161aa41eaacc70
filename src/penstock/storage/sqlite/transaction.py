"""One open transaction on the writing connection, as the ports describe it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from penstock.core.model import Job, PipelineVersion
from penstock.ports.sealed import Place, RowKey
from penstock.ports.storage import (
    Acknowledged,
    Acknowledgement,
    Aggregate,
    Changes,
    Claim,
    ClaimedJob,
    EndedJob,
    PipelineRow,
)
from penstock.storage.changes import open_jobs
from penstock.storage.partners import PartnerWriting
from penstock.storage.principals import PrincipalWriting
from penstock.storage.sealed import SealedWriting
from penstock.storage.sqlite.aggregates import Aggregates
from penstock.storage.sqlite.claimable import Claimable
from penstock.storage.sqlite.jobs import Jobs
from penstock.storage.sqlite.statements import SqliteStatements, statements
from penstock.storage.webhooks import WebhookWriting
from penstock.storage.writing import FILES, Writing

__all__ = ["SqliteTransaction"]

_OWN = statements(*FILES)
_WEBHOOKS, _SEALED = statements("webhooks"), statements("sealed")
_PARTNERS, _PRINCIPALS = statements("partners"), statements("principals")


class SqliteTransaction(Writing):
    """Valid within `SqliteStorage.commit` alone."""

    def __init__(self, connection: sqlite3.Connection, claimable: Claimable) -> None:
        super().__init__(SqliteStatements(connection, _OWN))
        self.connection = connection
        self.aggregates = Aggregates(connection)
        self._jobs = Jobs(connection, claimable)
        self.webhooks = WebhookWriting(SqliteStatements(connection, _WEBHOOKS))
        self._of_sealed = SqliteStatements(connection, _SEALED)
        self.sealed = SealedWriting(self._of_sealed, self._resealed)
        self.partners = PartnerWriting(SqliteStatements(connection, _PARTNERS), self.aggregates.forget)
        self.principals = PrincipalWriting(SqliteStatements(connection, _PRINCIPALS))

    def forget(self) -> None:
        """What was kept in memory may no longer be what is on disk."""
        self.aggregates.forget()
        self._jobs.forget()

    @contextmanager
    def part(self) -> Iterator[None]:
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.forget()
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")
            raise
        self.connection.execute("RELEASE part")

    def load(self, account: str, pipeline_id: str) -> Aggregate | None:
        return self.aggregates.load(account, pipeline_id)

    def load_many(self, pipelines: Sequence[tuple[str, str]]) -> None:
        """One at a time costs no more: the database is in this process."""

    def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        return self._jobs.find(job_ids)

    def write(self, changes: Changes) -> None:
        self.aggregates.write(changes)
        self._jobs.offer(changes.jobs_offered)
        self._jobs.end(changes.jobs_ended)

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        return self._jobs.claim(claims)

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        return self._jobs.acknowledge(acknowledgements)

    def exchange(
        self, claims: Sequence[Claim], acknowledgements: Sequence[Acknowledgement]
    ) -> tuple[list[list[ClaimedJob]], list[Acknowledged]]:
        return self.claim(claims) if claims else [], self.acknowledge(acknowledgements)

    def redispatch(self, job_id: str) -> str | None:
        return self._jobs.redispatch(job_id)

    def forget_jobs(self, before: float, after: int, rows_max: int) -> int | None:
        return self._jobs.forget_ended(before, after, rows_max)

    def add_version(self, row: PipelineRow, version: PipelineVersion, at: float) -> None:
        super().add_version(row, version, at)
        # A new version may name partner types whose links the kept aggregate never looked up.
        self.aggregates.drop(row.account, row.id)

    def delete_pipeline(self, row: PipelineRow, at: float) -> None:
        loaded = self.aggregates.load(row.account, row.id)
        if loaded is not None:
            self._jobs.end([EndedJob(job_id, "Failed", at) for job_id in open_jobs(loaded.pipeline)])
        self.take_out(row, at)
        self.webhooks.set_sources(row.account, row.id, ())
        self.aggregates.drop(row.account, row.id)

    def _resealed(self, place: Place, key: RowKey) -> None:
        """What is kept decoded is another document now, though it says the same."""
        if place == "pipeline_versions":
            self.aggregates.forget_version(*key)  # type: ignore[arg-type]  # the key of that place
        elif place == "jobs":
            ((job_id,),) = self._of_sealed.run("job_id", number=key[0])
            self._jobs.forget_work(job_id)
