"""Handing out jobs, and their acknowledgement."""

import secrets
import sqlite3
from collections.abc import Sequence

from penstock.core.model import Job
from penstock.ports.storage import Acknowledged, Acknowledgement, Claim, ClaimedJob
from penstock.storage import queries
from penstock.storage.rows import claimed_job
from penstock.storage.rows import job as job_of

__all__ = ["Jobs"]

SQL = queries.load("jobs")
SET_TIMER = queries.load("aggregates")["set_timer"]


class Jobs:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def find(self, job_ids: Sequence[str]) -> dict[str, Job]:
        found = {}
        for job_id in job_ids:
            row = self._execute(SQL["load_job"], {"id": job_id}).fetchone()
            if row is not None:
                found[job_id] = job_of(row)
        return found

    def claim(self, claims: Sequence[Claim]) -> list[list[ClaimedJob]]:
        """Claims of one kind are one statement; what it brings is dealt out in the order of the claims."""
        kinds: dict[tuple[str, str, str | None], list[int]] = {}
        for position, claim in enumerate(claims):
            kinds.setdefault((claim.type_key, claim.query_key, claim.lease), []).append(position)
        dealt: list[list[ClaimedJob]] = [[] for _ in claims]
        for positions in kinds.values():
            jobs = iter(self._claim([claims[position] for position in positions]))
            for position in positions:
                dealt[position] = [job for _, job in zip(range(claims[position].jobs_max), jobs, strict=False)]
        return dealt

    def _claim(self, claims: list[Claim]) -> list[ClaimedJob]:
        first = claims[0]
        rows = self._execute(
            SQL["claim_jobs"],
            {
                "type_key": first.type_key,
                "query_key": first.query_key,
                "now": first.now,
                "redeliver_at": first.redeliver_at,
                "jobs_max": sum(claim.jobs_max for claim in claims),
                "claimant": first.claimant,
                "lease": first.lease,
            },
        ).fetchall()
        rows.sort(key=lambda row: row[6])
        return [claimed_job(row) for row in rows]

    def acknowledge(self, acknowledgements: Sequence[Acknowledgement]) -> list[Acknowledged]:
        return [self._acknowledge(acknowledgement) for acknowledgement in acknowledgements]

    def _acknowledge(self, asked: Acknowledgement) -> Acknowledged:
        parameters = {"job_id": asked.job_id, "nonce": asked.nonce, "account": asked.account}
        row = self._execute(SQL["acknowledge_job"], parameters).fetchone()
        if row is None:
            return self._why_not(asked)
        timeout_seconds, account, pipeline_id, execution_id = row
        if timeout_seconds is not None:
            timer = {
                "account": account,
                "kind": "JobTimeout",
                "stamp": asked.job_id,
                "pipeline_id": pipeline_id,
                "execution_id": execution_id,
                "due_at": asked.now + timeout_seconds,
            }
            self._execute(SET_TIMER, timer)
        return "InProgress"

    def _why_not(self, asked: Acknowledgement) -> Acknowledged:
        """A repeat with the current nonce gets the job's status again; any other nonce is somebody else's."""
        row = self._execute(SQL["load_job"], {"id": asked.job_id}).fetchone()
        job = job_of(row) if row is not None else None
        if job is None or (asked.account is not None and job.account != asked.account):
            return "JobNotFound"
        if job.nonce is None or not secrets.compare_digest(job.nonce.encode(), asked.nonce.encode()):
            return "InvalidNonce"
        return job.status

    def redispatch(self, job_id: str, nonce: str) -> bool:
        return self._execute(SQL["redispatch_job"], {"job_id": job_id, "nonce": nonce}).rowcount == 1
