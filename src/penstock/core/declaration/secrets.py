"""Secret configuration values: kept sealed, shown masked, and taken over where the mask comes back."""

from collections.abc import Callable, Collection, Mapping

from msgspec.structs import replace

from penstock.core.declaration.places import FindActionType
from penstock.core.model import ActionBinding
from penstock.wire import types as wire
from penstock.wire.errors import InvalidActionDeclarationException

__all__ = ["MASK", "mask", "merge_secrets", "seal_secrets", "stored_value"]

MASK = "****"

_SecretKeys = Callable[[str, wire.ActionDeclaration], Collection[str]]
_Change = Callable[[str, wire.ActionDeclaration, str, str], str]


def mask(declaration: wire.PipelineDeclaration, bindings: Mapping[str, ActionBinding]) -> wire.PipelineDeclaration:
    """The declaration as it may be shown: asterisks for every secret."""
    return _changed(declaration, _keys_of(bindings), lambda _stage, _action, _key, _value: MASK)


def seal_secrets(
    declaration: wire.PipelineDeclaration, bindings: Mapping[str, ActionBinding], seal: Callable[[str], str]
) -> wire.PipelineDeclaration:
    """The declaration with `seal` applied to every secret, but for masks, which stand for what is sealed already."""

    def sealed(_stage: str, _action: wire.ActionDeclaration, _key: str, value: str) -> str:
        return value if value == MASK else seal(value)

    return _changed(declaration, _keys_of(bindings), sealed)


def merge_secrets(
    new: wire.PipelineDeclaration, previous: wire.PipelineDeclaration | None, find: FindActionType
) -> wire.PipelineDeclaration:
    """The new declaration with the previous one's values where it has masks.

    Raises `InvalidActionDeclarationException` where the previous one has no such stage, action and type.
    """

    def secret_keys(_stage: str, action: wire.ActionDeclaration) -> Collection[str]:
        rules = find(action.action_type_id)
        return rules.secret_keys if rules else ()

    def merged(stage: str, action: wire.ActionDeclaration, key: str, value: str) -> str:
        return stored_value(stage, action, key, previous) if value == MASK else value

    return _changed(new, secret_keys, merged)


def stored_value(
    stage: str, action: wire.ActionDeclaration, key: str, previous: wire.PipelineDeclaration | None
) -> str:
    """What the same action of the same stage had under a key; raises `InvalidActionDeclarationException` if nothing."""
    for before in previous.stages if previous else ():
        for known in before.actions if before.name == stage else ():
            if known.name == action.name and known.action_type_id == action.action_type_id:
                value = (known.configuration or {}).get(key)
                if value is not None:
                    return value
    raise InvalidActionDeclarationException(
        f"Action configuration for the new action '{action.name}' contains an invalid configuration for the secret "
        f"property '{key}'. '{MASK}' may be used in secret properties only when updating an existing action."
    )


def _keys_of(bindings: Mapping[str, ActionBinding]) -> _SecretKeys:
    return lambda stage, action: bindings[f"{stage}/{action.name}"].secret_keys


def _changed(
    declaration: wire.PipelineDeclaration, secret_keys: _SecretKeys, change: _Change
) -> wire.PipelineDeclaration:
    def changed(stage: str, action: wire.ActionDeclaration) -> wire.ActionDeclaration:
        configuration = action.configuration or {}
        secrets = {
            key: change(stage, action, key, configuration[key])
            for key in secret_keys(stage, action)
            if key in configuration
        }
        return replace(action, configuration={**configuration, **secrets}) if secrets else action

    stages = tuple(
        replace(stage, actions=tuple(changed(stage.name, action) for action in stage.actions))
        for stage in declaration.stages
    )
    return replace(declaration, stages=stages)
