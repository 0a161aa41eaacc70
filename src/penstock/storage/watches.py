"""Rows of watched objects: what is the same for every database."""

from collections.abc import Sequence

from msgspec.structs import asdict

from penstock.ports.watches import Look, Watch
from penstock.storage.statements import Statements

__all__ = ["LookWriting", "set_watches"]


def set_watches(statements: Statements, account: str, pipeline_id: str, watches: Sequence[Watch]) -> None:
    """The pipeline watches these and no others. Of those that it has watched before, what was seen is kept."""
    before = {Watch(*row) for row in statements.run("watches_of_pipeline", account=account, pipeline_id=pipeline_id)}
    for gone in before.difference(watches):
        statements.run("delete_watch", **asdict(gone))
    for watch in watches:
        statements.run("insert_watch", **asdict(watch))


class LookWriting:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def claim(self, now: float, again_at: float, rows_max: int) -> list[Look]:
        rows = self._statements.run("claim_looks", now=now, again_at=again_at, rows_max=rows_max).fetchall()
        return [Look(Watch(*row[:5]), row[5]) for row in rows]

    def keep(self, look: Look, seen: str, again_at: float) -> bool:
        kept = self._statements.run("keep_look", **asdict(look.watch), seen=seen, again_at=again_at, before=look.seen)
        return kept.rowcount == 1
