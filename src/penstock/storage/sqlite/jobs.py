"""The jobs of one database: offering, handing out, acknowledging, ending. Those used last are kept decoded.

The process owns the file, so what it committed last is what is there; a rollback forgets everything kept.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from penstock.core.model import Job, JobStatus, JobWork
from penstock.ports.storage import (
    Acknowledged,
    Acknowledgement,
    Claim,
    ClaimedJob,
    Conflict,
    EndedJob,
    NewJob,
)
from penstock.storage.board import answer_of, deal
from penstock.storage.changes import job_parameters
from penstock.storage.rows import decode_work
from penstock.storage.rows import job as job_of
from penstock.storage.sqlite.claimable import Claimable
from penstock.storage.sqlite.statements import SqliteStatements, statements

__all__ = ["Jobs"]

SQL = statements("jobs", "history", "aggregates")
_KEPT_MAX = 8192


class _Kept:
    """A job, its row's number, and its work once somebody needed it."""

    __slots__ = ("job", "number", "work")

    def __init__(self, number: int, job: Job, work: JobWork | None) -> None:
        self.number = number
        self.job = job
        self.work = work


class Jobs:
    def __init__(self, connection: sqlite3.Connection, claimable: Claimable) -> None:
        own = SqliteStatements(connection, SQL)
        self._run, self._run_each = own.run, own.run_each
        self._claimable = claimable
        self._kept: dict[str, _Kept] = {}
        self._last_number: int = self._run("last_number").fetchone()[0]

    def forget(self) -> None:
        self._kept.clear()

    def forget_ended(self, before: float, after: int, rows_max: int) -> int | None:
        """Delete those that ended before that time, among the next ones; gives the last number looked at, None at the end."""
        found = self._run("jobs_after", after=after, rows_max=rows_max).fetchall()
        gone = [row for row in found if row[3] is not None and row[3] < before]
        self._run_each("forget_job", [{"number": row[0]} for row in gone])
        for row in gone:
            self._kept.pop(row[1], None)
        return found[-1][0] if len(found) == rows_max and found[-1][2] < before else None

    def forget_work(self, job_id: str) -> None:
        """The stored work of a job is another document now, though it says the same."""
        kept = self._kept.get(job_id)
        if kept is not None:
            kept.work = None

    def find(self, job_ids: Sequence[str]) -> dict[str, Job]:
        found = ((job_id, self._find(job_id)) for job_id in job_ids)
        return {job_id: kept.job for job_id, kept in found if kept is not None}

    def _find(self, job_id: str) -> _Kept | None:
        kept = self._kept.get(job_id)
        if kept is not None:
            return kept
        row = self._run("load_job", id=job_id).fetchone()
        return self._keep(_Kept(row[0], job_of(row[1:]), None)) if row is not None else None

    def _keep(self, kept: _Kept) -> _Kept:
        if len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[kept.job.id] = kept
        return kept

    def offer(self, jobs: Sequence[NewJob]) -> None:
        if jobs:
            self._run_each("insert_job", [self._offered(job) for job in jobs])

    def _offered(self, job: NewJob) -> dict[str, object]:
        self._last_number += 1
        known = Job(
            id=job.id,
            account=job.account,
            region=job.region,
            pipeline_id=job.pipeline_id,
            execution_id=job.execution_id,
            stage=job.stage,
            action=job.action,
            run_id=job.run_id,
            type_key=job.type_key,
            status="Queued",
            client_id=job.client_id,
            timeout_seconds=job.timeout_seconds,
        )
        self._keep(_Kept(self._last_number, known, job.work))
        self._claimable.offer((job.type_key, job.query_key), job.visible_at)
        return {"number": self._last_number, **job_parameters(job)}

    def end(self, jobs: Sequence[EndedJob]) -> None:
        rows = [row for job in jobs for row in self._ended(job)]
        if rows:
            self._expect(self._run_each("end_job", rows), len(rows))

    def _ended(self, ended: EndedJob) -> Iterator[dict[str, object]]:
        kept = self._find(ended.id)
        if kept is not None and not kept.job.ended:
            kept.job = replace(kept.job, status=ended.status, ended=True)
            kept.work = None
            yield {"number": kept.number, "status": ended.status, "at": ended.at}

    @staticmethod
    def _expect(written: sqlite3.Cursor, rows: int) -> None:
        if written.rowcount != rows:
            raise Conflict(f"{written.rowcount} of {rows} jobs were in the status that they were expected in")

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        return deal(claims, lambda kinds: [self._claim(each) for each in kinds])

    def _claim(self, claims: list[Claim]) -> list[ClaimedJob]:
        first = claims[0]
        asked = sum(claim.jobs_max for claim in claims)
        rows = self._run(
            "claim_jobs",
            type_key=first.type_key,
            query_key=first.query_key,
            now=first.now,
            redeliver_at=first.redeliver_at,
            jobs_max=asked,
            claimant=first.claimant,
            lease=first.lease,
        ).fetchall()
        rows.sort()
        self._claimable.take((first.type_key, first.query_key), len(rows), is_exhausted=len(rows) < asked)
        return [self._claimed(*row) for row in rows]

    def _claimed(self, number: int, job_id: str, nonce: str) -> ClaimedJob:
        kept = self._find(job_id)
        assert kept is not None, "a claimed job has a row"
        kept.job = job = replace(kept.job, status="Dispatched", nonce=nonce)
        if kept.work is None:
            kept.work = decode_work(self._run("load_work", number=number).fetchone()[0])
        return ClaimedJob(job.id, job.account, job.region, nonce, kept.work, job.client_id)

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        rows: list[dict[str, object]] = []
        answers = [self._acknowledge(asked, rows) for asked in acknowledgements]
        if rows:
            self._expect(self._run_each("acknowledge_job", rows), len(rows))
        return answers

    def _acknowledge(self, asked: Acknowledgement, rows: list[dict[str, object]]) -> Acknowledged:
        kept = self._find(asked.job_id)
        answer = answer_of(kept.job if kept is not None else None, asked)
        if answer is not None:
            return answer
        assert kept is not None, "what is not there is answered"
        job = kept.job
        status: JobStatus = "InProgress"
        kept.job = replace(job, status=status)
        rows.append({"number": kept.number, "nonce": asked.nonce, "at": asked.now})
        if job.timeout_seconds is not None:
            self._set_timer(job, asked.now + job.timeout_seconds)
        return status

    def _set_timer(self, job: Job, due_at: float) -> None:
        self._run(
            "set_timer",
            account=job.account,
            kind="JobTimeout",
            stamp=job.id,
            pipeline_id=job.pipeline_id,
            due_at=due_at,
        )

    def redispatch(self, job_id: str) -> str | None:
        kept = self._find(job_id)
        if kept is None or kept.job.status != "Dispatched":
            return None
        nonce = secrets.token_hex(16)
        kept.job = replace(kept.job, nonce=nonce)
        self._run("redispatch_job", number=kept.number, nonce=nonce)
        return nonce
