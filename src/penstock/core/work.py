"""What the work of an action and of a rule have in common: variables, inputs, and why there may be none to do."""

from penstock.core.model import Artifact, Execution
from penstock.core.variables import resolve
from penstock.wire import types as wire

__all__ = ["CannotStart", "Namespaces", "inputs_of", "namespaces", "resolved_commands"]

Namespaces = dict[str, dict[str, str]]


class CannotStart(Exception):
    """The attempt fails before there is anything to work on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.details = wire.ErrorDetails(code=code, message=message[:5000])


def namespaces(execution: Execution) -> Namespaces:
    """The values that references may name in this execution, by namespace."""
    # `variables` is reserved only where the pipeline has variables of its own.
    return {
        "variables": execution.variables,
        **execution.outputs,
        "codepipeline": {"PipelineExecutionId": execution.id},
    }


def inputs_of(execution: Execution, declared: tuple[wire.InputArtifact, ...] | None) -> tuple[Artifact, ...]:
    """The declared inputs that have been made."""
    return tuple([execution.artifacts[each.name] for each in declared or () if each.name in execution.artifacts])


def resolved_commands(commands: tuple[str, ...] | None, values: Namespaces) -> tuple[str, ...] | None:
    return tuple(resolve(command, values) for command in commands or ()) or None
