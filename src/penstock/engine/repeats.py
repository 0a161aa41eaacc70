"""Requests that start an execution once, however often they are sent.

Each looks, and remembers, in the transaction of the command that it guards: of two that arrive together the second sees what
the first one did.
"""

from typing import Protocol

from msgspec import Struct

from penstock.ports.storage import SourceRevision, Transaction

__all__ = ["AlreadyStarted", "Guard", "NewRevision", "Once"]


class AlreadyStarted(Exception):
    """The request has started this execution before; `matches` is False if what started it was another request."""

    def __init__(self, execution_id: str, *, matches: bool) -> None:
        super().__init__(execution_id)
        self.execution_id = execution_id
        self.matches = matches


class Guard(Protocol):
    """What stands before a command that starts an execution."""

    def refuse_repeat(self, transaction: Transaction, account: str, pipeline_id: str) -> None:
        """Raise AlreadyStarted if this is a repetition."""

    def keep(self, transaction: Transaction, account: str, pipeline_id: str, execution_id: str, now: float) -> None:
        """Remember what has been started."""


class Once(Struct, frozen=True):
    """A request token: the same one starts one execution, however often it is sent within its time."""

    token: str
    fingerprint: bytes
    since: float

    def refuse_repeat(self, transaction: Transaction, account: str, pipeline_id: str) -> None:
        known = transaction.request_token(account, pipeline_id, self.token, self.since)
        if known is not None:
            raise AlreadyStarted(known[1], matches=known[0] == self.fingerprint)

    def keep(self, transaction: Transaction, account: str, pipeline_id: str, execution_id: str, now: float) -> None:
        transaction.keep_request_token(account, pipeline_id, self.token, self.fingerprint, execution_id, now)


class NewRevision(Struct, frozen=True):
    """A revision that a source action is told of: the change that it was told of last is not new."""

    stage: str
    action: str
    change_id: str

    def refuse_repeat(self, transaction: Transaction, account: str, pipeline_id: str) -> None:
        last = transaction.source_revision(account, pipeline_id, self.stage, self.action)
        if last is not None and last.change_id == self.change_id:
            raise AlreadyStarted(last.execution_id, matches=True)

    def keep(self, transaction: Transaction, account: str, pipeline_id: str, execution_id: str, now: float) -> None:
        told = SourceRevision(self.stage, self.action, self.change_id, execution_id, now)
        transaction.keep_source_revision(account, pipeline_id, told)
