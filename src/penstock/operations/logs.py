"""The log of an action: written by its worker, read by whoever may see the pipeline."""

from functools import partial

from penstock.core import limits
from penstock.engine.committer import Written
from penstock.operations.call import Call
from penstock.operations.own_types import (
    GetActionLogInput,
    GetActionLogOutput,
    LogPiece,
    PutJobLogInput,
    PutJobLogOutput,
)
from penstock.ports.storage import JobRow, Transaction
from penstock.wire.errors import InvalidJobStateException, JobNotFoundException, LimitExceededException

__all__ = ["get_action_log", "put_job_log"]

PIECES_MAX = 1000
UTF8_BYTES_MAX = 4
CUT = f"\nThe log was cut here: an action may log {limits.RUN_LOG_BYTES_MAX} bytes.\n"


async def put_job_log(request: PutJobLogInput, call: Call) -> PutJobLogOutput:
    """Add to the log of the job's action, while the job is in progress.

    What is more than a log may have is cut off, and a line in the log says so; after that, nothing is taken any more.
    """
    row = await call.reader.job(request.job_id)
    if row is None or (row.job.account, row.job.region) != (call.account, call.region):
        raise JobNotFoundException(f"The job '{request.job_id}' does not exist")
    if row.job.status != "InProgress":
        raise InvalidJobStateException(f"The job '{request.job_id}' is {row.job.status}: its log is closed")
    await call.committer.write(partial(_append, row=row, text=request.text, at=call.now))
    return PutJobLogOutput()


def _append(transaction: Transaction, row: JobRow, text: str, at: float) -> Written[None]:
    if not transaction.has_pipeline(row.job.account, row.job.pipeline_id):
        raise InvalidJobStateException(f"The pipeline of the job '{row.job.id}' is deleted: its log is closed")
    left = limits.RUN_LOG_BYTES_MAX - transaction.log_size(row.job.account, row.job.run_id)
    if left <= 0:
        raise LimitExceededException(
            f"The log of the action has {limits.RUN_LOG_BYTES_MAX} bytes, as many as it may have"
        )
    if len(text) * UTF8_BYTES_MAX > left and len(content := text.encode()) > left:
        text = content[:left].decode(errors="ignore") + CUT
    transaction.append_log(row.job.account, row.job.run_id, text, at)
    return Written(None, topics=(f"log:{row.job.run_id}",))


async def get_action_log(request: GetActionLogInput, call: Call) -> GetActionLogOutput:
    """What an action's worker has logged so far. An action that has logged nothing has an empty log."""
    found = await call.reader.log(call.account, request.action_execution_id, request.after or 0, PIECES_MAX)
    return GetActionLogOutput(pieces=tuple(LogPiece(number=line.number, at=line.at, text=line.text) for line in found))
