"""The jobs of one database: offering, handing out, acknowledging, ending.

Rows of jobs are locked after those of pipelines, and in the order of their ids. A result names a job and not its pipeline, so
its row is read first without a lock; once its pipeline is locked, it is locked too, and must still be as it was. What was
acknowledged here is kept, and need not be read: it mostly is as it was, and if not, it is read after all.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from penstock.core.model import Job
from penstock.ports.storage import Acknowledged, Acknowledgement, Claim, ClaimedJob, Conflict, EndedJob, NewJob
from penstock.storage import queries
from penstock.storage.board import answer_of, deal
from penstock.storage.changes import job_parameters
from penstock.storage.postgres.aggregates import SQL as AGGREGATES
from penstock.storage.postgres.claimable import Claimable
from penstock.storage.postgres.session import Restart, Row, Session, in_lists
from penstock.storage.rows import decode_work
from penstock.storage.rows import job as job_of

__all__ = ["SQL", "Jobs"]

SQL = queries.load("jobs", "postgres")
HISTORY = queries.load("history", "postgres")
LOCKED = SQL["load_jobs"] + " FOR NO KEY UPDATE"
_KEPT_MAX = 8192


class Jobs:
    def __init__(self, session: Session, claimable: Claimable) -> None:
        self._session = session
        self._claimable = claimable
        # Acknowledged before, and in the open transaction.
        self._kept: dict[str, Job] = {}
        self._acknowledged: dict[str, Job] = {}
        self._ended: set[str] = set()
        self._read: dict[str, Job] = {}
        self._held: dict[str, Job] = {}

    def forget(self) -> None:
        """Of the open transaction nothing counts."""
        for found in (self._acknowledged, self._ended, self._read, self._held):
            found.clear()

    def keep(self) -> None:
        """The transaction is on disk."""
        self._kept.update(self._acknowledged)
        for job_id in self._ended:
            self._kept.pop(job_id, None)
        while len(self._kept) > _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self.forget()

    def find(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """The jobs, to be held before anything is decided on them."""
        known = (self._acknowledged.get(job_id) or self._kept.get(job_id) for job_id in job_ids)
        jobs = {job.id: job for job in known if job is not None}
        unknown = [job_id for job_id in job_ids if job_id not in jobs]
        if unknown:
            found = self._session.run(SQL["load_jobs"], {"ids": unknown}).fetchall()
            jobs.update((row[0], job_of(row)) for row in found)
        self._read.update(jobs)
        return jobs

    def to_hold(self) -> list[tuple[str, dict[str, Any]]]:
        """The statement that locks what was read; `check_held` takes what it finds."""
        return [(SQL["hold_jobs"], {"ids": list(self._read)})] if self._read else []

    def check_held(self, found: list[list[Row]]) -> None:
        """Raises Restart if any of what was read has changed: then the work must read it again."""
        if not found:
            return
        read, self._read = self._read, {}
        there = {job_id: (status, nonce, ended_at is not None) for job_id, status, nonce, ended_at in found[0]}
        changed = [job for job in read.values() if there.get(job.id) != (job.status, job.nonce, job.ended)]
        if changed:
            for job in changed:
                self._kept.pop(job.id, None)
            raise Restart from Conflict("another server has changed a job meanwhile")
        self._held.update(read)

    def write(self, offered: Sequence[NewJob], ended: Sequence[EndedJob]) -> None:
        """Put jobs onto the board, and end others; one that has ended stays as it is."""
        if offered:
            self._session.write(SQL["insert_job"], [job_parameters(job) for job in offered], _any_number)
        if not ended:
            return
        self._ended.update(job.id for job in ended)
        rows = [{"id": job.id, "status": job.status, "at": job.at} for job in sorted(ended, key=lambda job: job.id)]
        # Another server may just be handing one out. A statement sees nothing that was committed after it began, so the lock
        # is waited for by one of its own.
        loose = [{"id": row["id"]} for row in rows if row["id"] not in self._held]
        if loose:
            self._session.write(SQL["lock_jobs"], loose, _any_number)
        self._session.write(SQL["end_job"], rows, _any_number)

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        return self.exchange(claims, ())[0]

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        return self.exchange((), acknowledgements)[1]

    def exchange(
        self, claims: Sequence[Claim], acknowledgements: Sequence[Acknowledgement]
    ) -> tuple[list[list[ClaimedJob]], list[Acknowledged]]:
        """Hand out, and take in what was acknowledged, in one trip."""
        answers: list[Acknowledged] = []

        def fetch(kinds: list[list[Claim]]) -> list[list[ClaimedJob]]:
            asked = [_asked(each) for each in kinds]
            claiming = [(SQL["claim_jobs"], values) for values in asked]
            found = self._session.rows([*claiming, *_acknowledging(acknowledgements)])
            if acknowledgements:
                *found, known, written = found
                answers.extend(self._take_in(acknowledgements, known, written))
            for values, rows in zip(asked, found, strict=True):
                kind = (values["type_key"], values["query_key"])
                self._claimable.take(kind, is_exhausted=len(rows) < values["jobs_max"])
            return [[_claimed(row) for row in sorted(rows, key=_id)] for rows in found]

        return deal(claims, fetch), answers

    def _take_in(
        self, acknowledgements: Sequence[Acknowledgement], known: list[Row], written: list[Row]
    ) -> list[Acknowledged]:
        """The answers, by what the jobs were and which of them were written."""
        jobs = {row[0]: job_of(row) for row in known}
        taken: dict[str, Acknowledgement] = {}
        answers: list[Acknowledged] = []
        for asked in acknowledgements:
            answer = answer_of(jobs.get(asked.job_id), asked)
            if answer is None:
                taken.setdefault(asked.job_id, asked)
            answers.append(answer or "InProgress")
        if {row[0] for row in written} != taken.keys():
            raise Conflict(f"{len(written)} of {len(taken)} jobs were in the status that they were expected in")
        self._acknowledged.update((job_id, replace(jobs[job_id], status="InProgress")) for job_id in taken)
        timers = list(_timers(jobs, taken))
        if timers:
            self._session.write(AGGREGATES["set_timer"], timers, _any_number)
        return answers

    def forget_ended(self, before: float, after: int, rows_max: int) -> int | None:
        """Delete some of those that ended before that time. The oldest are found first, so there is no place to go on from."""
        gone = self._session.run(HISTORY["forget_jobs"], {"before": before, "rows_max": rows_max}).rowcount
        return after if gone == rows_max else None

    def redispatch(self, job_id: str) -> str | None:
        row = self._session.run(SQL["redispatch_job"], {"id": job_id}).fetchone()
        return row[0] if row is not None else None


def _asked(claims: list[Claim]) -> dict[str, Any]:
    """What is asked for by claims of one kind."""
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


def _any_number(written: int) -> None:
    """However many rows were met."""


def _acknowledging(acknowledgements: Sequence[Acknowledgement]) -> list[tuple[str, dict[str, Any]]]:
    """The statements that lock the jobs, and write those that the acknowledgement fits."""
    if not acknowledgements:
        return []
    ids = sorted({asked.job_id for asked in acknowledgements})
    rows = [
        {"id": asked.job_id, "account": asked.account, "region": asked.region, "nonce": asked.nonce, "at": asked.now}
        for asked in acknowledgements
    ]
    return [(LOCKED, {"ids": ids}), (SQL["acknowledge_job"], in_lists(rows))]


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
