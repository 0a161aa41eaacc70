"""Rules of the triggers: which source actions they watch, and which filters go together."""

import msgspec

from penstock.core.globs import GlobError
from penstock.core.triggers import PROVIDER, check_globs
from penstock.wire import types as wire
from penstock.wire.errors import InvalidStructureException

__all__ = ["check_triggers"]

# From the service's limits (UG: limits)
_TRIGGERS_BYTES_MAX = 200 * 1024


def check_triggers(declaration: wire.PipelineDeclaration) -> None:
    """Raise `InvalidStructureException` for a trigger that could never fire as it was meant."""
    triggers = declaration.triggers or ()
    connections = {action.name for action in declaration.stages[0].actions if _is_connection(action.action_type_id)}
    watched: set[str] = set()
    for trigger in triggers:
        git = trigger.git_configuration
        if git.source_action_name not in connections:
            raise InvalidStructureException(
                "Triggers for connections must reference a CodeStarSourceConnection action."
            )
        if git.source_action_name in watched:
            raise InvalidStructureException(
                f"Source action '{git.source_action_name}' has more than one trigger. "
                "There can only be up to 1 trigger for a source action."
            )
        watched.add(git.source_action_name)
        _check_filters(git)
        _check_patterns(git)
    if len(msgspec.json.encode(triggers)) > _TRIGGERS_BYTES_MAX:
        raise InvalidStructureException(
            f"The triggers of the pipeline are too large. There can only be up to {_TRIGGERS_BYTES_MAX} bytes of them."
        )


def _is_connection(type_id: wire.ActionTypeId) -> bool:
    return type_id.owner == "AWS" and type_id.provider == PROVIDER


def _check_filters(git: wire.GitConfiguration) -> None:
    pushes, pulls = git.push or (), git.pull_request or ()
    is_valid = (
        all(_is_valid_push(each) for each in pushes)
        and all(_is_valid_pull_request(each) for each in pulls)
        and _are_different(pushes)
        and _are_different(pulls)
    )
    if not is_valid:
        raise InvalidStructureException(
            "The trigger configuration for the source action is not valid. "
            "Make sure to choose valid filter combinations."
        )


def _check_patterns(git: wire.GitConfiguration) -> None:
    """A pattern that cannot be read would never match, and never say so."""
    try:
        check_globs(git)
    except GlobError as problem:
        raise InvalidStructureException(str(problem)) from None


def _is_valid_push(push: wire.GitPushFilter) -> bool:
    if push.tags is not None:
        return push.branches is None and push.file_paths is None
    return push.branches is not None


def _is_valid_pull_request(pull: wire.GitPullRequestFilter) -> bool:
    if pull.branches is None:
        return pull.file_paths is None and pull.events is not None
    return _are_different(pull.events or ())


def _are_different(members: tuple[object, ...]) -> bool:
    return all(each not in members[:index] for index, each in enumerate(members))
