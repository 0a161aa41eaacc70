"""How an execution ended, and why."""

from collections.abc import Iterator

from msgspec import Struct

from penstock.core.lookup import version_of
from penstock.core.model import ActionRun, ConditionRun, Execution, Pipeline, RuleRun, StageRun
from penstock.core.waits import CONDITIONS
from penstock.core.wording import moment_words
from penstock.wire import types as wire

__all__ = ["Ending", "ending_of"]


class Ending(Struct, frozen=True):
    """The end of an execution in one sentence; `error` is the first one that it failed with."""

    at: float
    sentence: str
    error: wire.ErrorDetails | None = None


def ending_of(state: Pipeline, execution: Execution) -> Ending:
    """Of an execution that is not open any more."""
    verb = {"Failed": "failed", "Succeeded": "succeeded"}.get(execution.status, f"was {execution.status.lower()}")
    place = _place(state, execution)
    why, error = _why(execution)
    subject = f"Execution {execution.id} of pipeline '{state.head.name}'"
    sentence = f"{subject} {verb}{place} at {moment_words(execution.updated_at)}{f': {why}' if why else ''}"
    return Ending(execution.updated_at, sentence if sentence.endswith(".") else f"{sentence}.", error)


def _place(state: Pipeline, execution: Execution) -> str:
    stages = version_of(state, execution).declaration.stages
    if execution.status == "Succeeded" or execution.position >= len(stages):
        return ""
    stage = stages[execution.position].name
    # One that was waiting in front of its stage has not begun it.
    return f" in stage '{stage}'" if stage in execution.stages else f" in front of stage '{stage}'"


def _why(execution: Execution) -> tuple[str | None, wire.ErrorDetails | None]:
    match execution.status:
        case "Failed":
            found = min(_failures(execution), key=lambda each: each[0], default=None)
            return (found[1], found[2]) if found is not None else (execution.status_summary, None)
        case "Stopped":
            return execution.stop.reason if execution.stop is not None else None, None
        case "Superseded":
            return execution.status_summary or "a newer execution took its place", None
        case _:
            return execution.status_summary, None


def _failures(execution: Execution) -> Iterator[tuple[float, str, wire.ErrorDetails | None]]:
    """When and how the parts of the stages that failed did."""
    for passage in execution.stages.values():
        if passage.status == "Failed":
            yield from _of_stage(passage)


def _of_stage(passage: StageRun) -> Iterator[tuple[float, str, wire.ErrorDetails | None]]:
    for name, run in passage.actions.items():
        if run.status in ("Failed", "Abandoned"):
            yield run.changed_at, f"action '{name}' {_how(run)}", run.error
    for gate, condition in passage.gates.items():
        # The condition on failure is looked at only when there is an error already.
        if condition.status == "Failed" and gate != "onFailure":
            yield from _of_condition(CONDITIONS[gate], condition)


def _of_condition(name: str, condition: ConditionRun) -> Iterator[tuple[float, str, wire.ErrorDetails | None]]:
    for rule, run in condition.rules.items():
        if run.status != "Succeeded":
            yield run.changed_at, f"the {name} was not met: its rule '{rule}' {_how(run)}", run.error


def _how(run: ActionRun | RuleRun) -> str:
    if run.status == "Abandoned":
        return "was abandoned"
    if run.error is None:
        return "failed"
    said = f" with {run.error.code}" if run.error.code else ""
    return f"failed{said}: {run.error.message}" if run.error.message else f"failed{said}"
