"""The jobs of one database: offering, handing out, acknowledging, ending. Nothing of them is kept between transactions.

Rows of jobs are locked after those of pipelines, and in the order of their ids. A result names a job and not its pipeline, so
its row is read first without a lock; once its pipeline is locked, `hold` locks it and makes sure that it is still as it was.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from penstock.core.model import Job
from penstock.ports.storage import Acknowledged, Acknowledgement, Claim, ClaimedJob, Conflict, EndedJob, NewJob
from penstock.storage import queries
from penstock.storage.board import answer_of, deal
from penstock.storage.changes import job_parameters
from penstock.storage.postgres.aggregates import SQL as AGGREGATES
from penstock.storage.postgres.session import Restart, Row, Session
from penstock.storage.rows import decode_work
from penstock.storage.rows import job as job_of

__all__ = ["SQL", "Jobs"]

SQL = queries.load("jobs", "postgres")
LOCKED = SQL["load_jobs"] + " FOR NO KEY UPDATE"


class Jobs:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[str, Job] = {}

    def forget(self) -> None:
        self._read.clear()

    def find(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """The jobs as they are now, to be held before anything is decided on them."""
        if not job_ids:
            return {}
        found = self._session.run(SQL["load_jobs"], {"ids": list(job_ids)}).fetchall()
        jobs = {row[0]: job_of(row) for row in found}
        self._read.update(jobs)
        return jobs

    def hold(self) -> None:
        """Lock what was read. Raises Restart if any of it has changed: then the work must read it again."""
        if not self._read:
            return
        read, self._read = self._read, {}
        found = self._session.run(LOCKED, {"ids": list(read)}).fetchall()
        if {row[0]: job_of(row) for row in found} != read:
            raise Restart from Conflict("another server has changed a job meanwhile")

    def offered(self, jobs: Sequence[NewJob]) -> list[tuple[str, list[dict[str, Any]]]]:
        """The statements that put jobs onto the board."""
        return [(SQL["insert_job"], [job_parameters(job) for job in jobs])] if jobs else []

    def ended(self, jobs: Sequence[EndedJob]) -> list[tuple[str, list[dict[str, Any]]]]:
        """The statements that end jobs; one that has ended stays as it is."""
        rows = [{"id": job.id, "status": job.status, "at": job.at} for job in sorted(jobs, key=lambda job: job.id)]
        return [(SQL["end_job"], rows)] if rows else []

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        return deal(claims, self._fetch)

    def _fetch(self, kinds: list[list[Claim]]) -> list[list[ClaimedJob]]:
        found = self._session.rows([(SQL["claim_jobs"], self._asked(claims)) for claims in kinds])
        return [[_claimed(row) for row in sorted(rows, key=_id)] for rows in found]

    def _asked(self, claims: list[Claim]) -> dict[str, Any]:
        first = claims[0]
        return {
            "type_key": first.type_key,
            "query_key": first.query_key,
            "now": first.now,
            "redeliver_at": first.redeliver_at,
            "jobs_max": sum(claim.jobs_max for claim in claims),
            "claimant": first.claimant,
            "lease": first.lease,
        }

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        rows = self._session.run(LOCKED, {"ids": [asked.job_id for asked in acknowledgements]}).fetchall()
        jobs = {row[0]: job_of(row) for row in rows}
        taken: dict[str, Acknowledgement] = {}
        answers: list[Acknowledged] = []
        for asked in acknowledgements:
            answer = answer_of(jobs.get(asked.job_id), asked)
            if answer is None:
                taken.setdefault(asked.job_id, asked)
            answers.append(answer or "InProgress")
        if taken:
            self._take(taken, list(_timers(jobs, taken)))
        return answers

    def _take(self, taken: dict[str, Acknowledgement], timers: list[dict[str, Any]]) -> None:
        rows = [{"id": asked.job_id, "nonce": asked.nonce, "at": asked.now} for asked in taken.values()]
        statements = [(SQL["acknowledge_job"], rows)]
        if timers:
            statements.append((AGGREGATES["set_timer"], timers))
        written = self._session.sets(statements)[0]
        if written != len(rows):
            raise Conflict(f"{written} of {len(rows)} jobs were in the status that they were expected in")

    def redispatch(self, job_id: str) -> str | None:
        row = self._session.run(SQL["redispatch_job"], {"id": job_id}).fetchone()
        return row[0] if row is not None else None


def _claimed(row: Row) -> ClaimedJob:
    job_id, account, region, nonce, work, client_id = row
    return ClaimedJob(job_id, account, region, nonce, decode_work(work), client_id)


def _id(row: Row) -> str:
    job_id: str = row[0]
    return job_id


def _timers(jobs: dict[str, Job], taken: dict[str, Acknowledgement]) -> Iterator[dict[str, Any]]:
    """The times of those that have one run from now on."""
    for job_id, asked in taken.items():
        job = jobs[job_id]
        if job.timeout_seconds is not None:
            where = {"account": job.account, "kind": "JobTimeout", "stamp": job.id, "pipeline_id": job.pipeline_id}
            yield {**where, "due_at": asked.now + job.timeout_seconds}
