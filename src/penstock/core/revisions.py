"""The revision that a source starts from where the start of its execution has said so."""

from penstock.core.model import Execution
from penstock.wire import types as wire

__all__ = ["asked_revision", "reported_revision"]

# From the API's RevisionChangeIdentifier
_CHANGE_IDENTIFIER_LENGTH_MAX = 100


def asked_revision(execution: Execution, action: str) -> str | None:
    """The commit that an execution was started with for a source action. Actions of later stages may be its namesakes."""
    if execution.position > 0 or not execution.overrides:
        return None
    asked = (each for each in execution.overrides if each.action_name == action and each.revision_type == "COMMIT_ID")
    return next((each.revision_value for each in asked), None)


def reported_revision(
    execution: Execution, action: str, reported: wire.CurrentRevision | None
) -> wire.CurrentRevision | None:
    """What the worker says that it has fetched; if it does not say, what it was asked for."""
    asked = asked_revision(execution, action)
    if reported is not None or asked is None:
        return reported
    return wire.CurrentRevision(revision=asked, change_identifier=asked[:_CHANGE_IDENTIFIER_LENGTH_MAX])
