"""Manual approvals: a state that waits for PutApprovalResult or for its timer."""

from collections.abc import Iterator

from penstock.core.commands import AnswerApproval
from penstock.core.events import ActionEnded, Event
from penstock.core.lookup import declared_action, open_executions
from penstock.core.model import Pipeline
from penstock.core.moment import Moment
from penstock.core.refusals import ApprovalAlreadyCompleted, InvalidApprovalToken
from penstock.wire import types as wire

__all__ = ["answer"]


def answer(state: Pipeline, command: AnswerApproval, moment: Moment) -> Iterator[Event]:
    declared_action(state.versions[state.head.version].declaration, command.stage, command.action)
    for execution in open_executions(state):
        stage = execution.stages.get(command.stage)
        run = stage.actions.get(command.action) if stage is not None else None
        if run is None or run.token != command.token:
            continue
        if run.status != "InProgress":
            raise ApprovalAlreadyCompleted(f"The approval of action '{command.action}' has been answered already")
        approved = command.result.status == "Approved"
        yield ActionEnded(
            execution.id,
            command.stage,
            command.action,
            run.id,
            "Succeeded" if approved else "Failed",
            moment.now,
            summary=command.result.summary or None,
            by=command.by,
            error=None if approved else _rejection(command.result),
        )
        return
    raise InvalidApprovalToken(f"The approval token does not belong to a waiting approval of '{command.action}'")


def _rejection(result: wire.ApprovalResult) -> wire.ErrorDetails:
    return wire.ErrorDetails(code="JobFailed", message=result.summary or "The approval was rejected")
