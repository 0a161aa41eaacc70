"""History that goes: what is the same for every database."""

from collections.abc import Sequence
from math import inf

from msgspec import Struct, json

from penstock.core.model import Execution, Head
from penstock.ports.history import Oldest
from penstock.storage.rows import decode_execution, decode_head
from penstock.storage.statements import Read, Statements

__all__ = ["HistoryReading", "HistoryWriting"]

# A piece of a log may be long: each counts as many rows, so that few of them go in one transaction.
LOG_PIECE_ROWS = 25


class _Begun(Struct):
    started_at: float


class _Named(Struct):
    id: str


_decode_begun = json.Decoder(_Begun).decode
_decode_named = json.Decoder(_Named).decode


class HistoryReading:
    _all: Read

    async def oldest(self, after: tuple[str, str], tokens_before: float, rows_max: int) -> list[Oldest]:
        account, pipeline_id = after
        found = await self._all(
            "oldest_executions",
            account=account,
            pipeline_id=pipeline_id,
            tokens_before=tokens_before,
            rows_max=rows_max,
        )
        return [
            Oldest(account, pipeline_id, _decode_begun(document).started_at if document else None, bool(has_tokens))
            for account, pipeline_id, document, has_tokens in found
        ]

    async def deleted_pipelines(self, rows_max: int) -> list[tuple[str, str]]:
        return [
            (account, pipeline_id) for account, pipeline_id in await self._all("deleted_pipelines", rows_max=rows_max)
        ]


class HistoryWriting:
    statements: Statements

    def held_head(self, account: str, pipeline_id: str) -> Head | None:
        row = self.statements.hold("head", account=account, pipeline_id=pipeline_id).fetchone()
        return decode_head(row[0]) if row is not None else None

    def executions_after(self, account: str, pipeline_id: str, number: int, rows_max: int) -> list[Execution]:
        found = self.statements.run(
            "executions_after", account=account, pipeline_id=pipeline_id, after=number, rows_max=rows_max
        )
        return [decode_execution(document) for (document,) in found]

    def forget_execution(self, account: str, pipeline_id: str, number: int, rows_max: int) -> int:
        place = {"account": account, "pipeline_id": pipeline_id, "execution_number": number}
        taken = 0
        for kind in ("runs", "rules"):
            found = self.statements.run(f"{kind}_to_forget", **place, rows_max=rows_max - taken).fetchall()
            # Rules have no id beside their document.
            ids = [row[1] if kind == "runs" else _decode_named(row[1]).id for row in found]
            taken += self._forget_logs(account, ids, rows_max - taken)
            going = found[: max(rows_max - taken, 0)]
            if going:
                self.statements.run(f"forget_{kind}", **place, last=going[-1][0])
            taken += len(going)
            if taken >= rows_max:
                return taken
        return taken + self.statements.run("forget_execution", **place).rowcount

    def _forget_logs(self, account: str, run_ids: Sequence[str], rows_max: int) -> int:
        """What it gives counts as many rows."""
        if not run_ids:
            return 0
        pieces_max = max(rows_max // LOG_PIECE_ROWS, 1)
        asked = json.encode(run_ids).decode()
        pieces = self.statements.run("forget_logs", account=account, run_ids=asked, rows_max=pieces_max).rowcount
        return rows_max if pieces >= pieces_max else pieces * LOG_PIECE_ROWS

    def forget_deleted(self, account: str, pipeline_id: str, rows_max: int) -> int:
        place = {"account": account, "pipeline_id": pipeline_id}
        # Who finds that nothing is left must not find it because another server is just taking some.
        if self.statements.hold("deletion", **place).fetchone() is None:
            return 0
        taken = 0
        for (number,) in self.statements.run("execution_numbers", **place, rows_max=rows_max).fetchall():
            taken += self.forget_execution(account, pipeline_id, number, rows_max - taken)
            if taken >= rows_max:
                return taken
        taken += self._forget_versions(place, rows_max - taken)
        if taken < rows_max:
            taken += self.forget_request_tokens(account, pipeline_id, inf, rows_max - taken)
        if taken < rows_max:
            self.statements.run("forget_deletion", **place)
        return taken

    def _forget_versions(self, place: dict[str, str], rows_max: int) -> int:
        versions = self.statements.run("version_numbers", **place, rows_max=rows_max).fetchall()
        if versions:
            self.statements.run("forget_versions", **place, last=versions[-1][0])
        return len(versions)

    def forget_request_tokens(self, account: str, pipeline_id: str, before: float, rows_max: int) -> int:
        return self.statements.run(
            "forget_request_tokens", account=account, pipeline_id=pipeline_id, before=before, rows_max=rows_max
        ).rowcount
