"""History that has had its time, or whose pipeline is gone: finding it, and deleting it a little at a time."""

from typing import Protocol

from msgspec import Struct

from penstock.core.model import Execution, Head

__all__ = ["HistoryReads", "HistoryWrites", "Oldest"]


class Oldest(Struct, frozen=True):
    """When the oldest execution of a pipeline that is still there began; None if there is none.

    `has_old_tokens` says whether the pipeline has request tokens from before the time that was asked for.
    """

    account: str
    pipeline_id: str
    began_at: float | None
    has_old_tokens: bool


class HistoryReads(Protocol):
    async def oldest(self, after: tuple[str, str], tokens_before: float, rows_max: int) -> list[Oldest]:
        """Of so many pipelines after that one, in the order of their accounts and ids."""

    async def deleted_pipelines(self, rows_max: int) -> list[tuple[str, str]]:
        """The accounts and ids of deleted pipelines of which something is left."""


class HistoryWrites(Protocol):
    """A deletion takes `rows_max` rows at the most, and gives how many it has taken; fewer means that nothing is left."""

    def held_head(self, account: str, pipeline_id: str) -> Head | None:
        """The head as it stays until the transaction ends."""

    def executions_after(self, account: str, pipeline_id: str, number: int, rows_max: int) -> list[Execution]:
        """Oldest first, ended or not."""

    def forget_execution(self, account: str, pipeline_id: str, number: int, rows_max: int) -> int:
        """Logs, attempts and runs of rules go first, the execution last."""

    def forget_request_tokens(self, account: str, pipeline_id: str, before: float, rows_max: int) -> int: ...

    def forget_deleted(self, account: str, pipeline_id: str, rows_max: int) -> int:
        """Of a deleted pipeline: history, logs, versions and request tokens. That it was deleted is forgotten last."""

    def forget_jobs(self, before: float, after: int, rows_max: int) -> int | None:
        """Delete jobs that ended before that time. Looks at `rows_max` of them; returns what to give for `after` to look at the
        next ones, None if none is old enough. It begins with 0."""
