"""One open transaction, as the ports describe it.

Locks are taken in one order wherever it can be known: pipelines by account and id, then jobs by id. Where two servers wait for
each other all the same, the database ends one of the transactions, and it runs again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from penstock.core.model import Job
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
from penstock.storage import queries
from penstock.storage.changes import open_jobs
from penstock.storage.partners import PartnerWriting
from penstock.storage.postgres.aggregates import SQL as AGGREGATES
from penstock.storage.postgres.aggregates import Aggregates, expect_all
from penstock.storage.postgres.claimable import Claimable
from penstock.storage.postgres.jobs import Jobs
from penstock.storage.postgres.rows import Rows
from penstock.storage.postgres.session import Session, in_lists
from penstock.storage.principals import PrincipalWriting
from penstock.storage.sealed import SealedWriting
from penstock.storage.webhooks import WebhookWriting
from penstock.storage.writing import FILES, Writing

__all__ = ["PostgresTransaction"]

_SQL = {file: queries.load(file, "postgres") for file in (*FILES, "webhooks", "sealed", "partners", "principals")}
_OWN = {name: sql for file in FILES for name, sql in _SQL[file].items()}


class PostgresTransaction(Writing):
    """Valid within `PostgresStorage.commit` alone."""

    def __init__(self, session: Session, claimable: Claimable) -> None:
        rows = partial(Rows, session)
        super().__init__(rows(_OWN))
        self._session = session
        self._aggregates = Aggregates(session)
        self._jobs = Jobs(session, claimable)
        self.webhooks = WebhookWriting(rows(_SQL["webhooks"]))
        self.sealed = SealedWriting(rows(_SQL["sealed"]), self._resealed)
        self.partners = PartnerWriting(rows(_SQL["partners"]))
        self.principals = PrincipalWriting(rows(_SQL["principals"]))

    def begin(self, *, is_last_try: bool) -> None:
        self._aggregates.forget_loaded()
        self._jobs.forget()
        self._session.begin(is_last_try=is_last_try)

    def keep(self) -> None:
        """It is on disk."""
        self._aggregates.keep()
        self._jobs.keep()

    @contextmanager
    def part(self) -> Iterator[None]:
        try:
            with self._session.part():
                yield
        except Exception:
            self._aggregates.forget_loaded()
            self._jobs.forget()
            raise

    def load(self, account: str, pipeline_id: str) -> Aggregate | None:
        return self._aggregates.load(account, pipeline_id)

    def load_many(self, pipelines: Sequence[tuple[str, str]]) -> None:
        """Lock them, and the jobs that were read before."""
        self._jobs.check_held(self._aggregates.load_many(pipelines, self._jobs.to_hold()))

    def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        return self._jobs.find(job_ids)

    def write(self, changes: Changes) -> None:
        for query, rows in self._aggregates.write(changes):
            self._session.write(AGGREGATES[query], rows, partial(expect_all, query, len(rows)))
        self._jobs.write(changes.jobs_offered, changes.jobs_ended)

    def clear_timer(self, account: str, kind: str, stamp: str) -> None:
        timer = {"account": account, "kind": kind, "stamp": stamp}
        self._session.run(AGGREGATES["clear_timer"], in_lists([timer]))

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        return self._jobs.claim(claims)

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        return self._jobs.acknowledge(acknowledgements)

    def exchange(
        self, claims: Sequence[Claim], acknowledgements: Sequence[Acknowledgement]
    ) -> tuple[list[list[ClaimedJob]], list[Acknowledged]]:
        return self._jobs.exchange(claims, acknowledgements)

    def redispatch(self, job_id: str) -> str | None:
        return self._jobs.redispatch(job_id)

    def forget_jobs(self, before: float, after: int, rows_max: int) -> int | None:
        return self._jobs.forget_ended(before, after, rows_max)

    def delete_pipeline(self, row: PipelineRow, at: float) -> None:
        loaded = self.load(row.account, row.id)
        if loaded is not None:
            ended = [EndedJob(job_id, "Failed", at) for job_id in open_jobs(loaded.pipeline)]
            self.write(Changes(jobs_ended=ended))
        self.take_out(row, at)
        self.webhooks.set_sources(row.account, row.id, ())
        self._aggregates.forget_loaded()

    def _resealed(self, place: Place, key: RowKey) -> None:
        if place == "pipeline_versions":
            account, pipeline_id, _ = key
            self._session.run(AGGREGATES["rewrite_version"], {"account": account, "pipeline_id": pipeline_id})
            self._aggregates.forget_loaded()
