"""Where in a pipeline something stands, and what it is surrounded by."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from penstock.core.action_types import ActionTypeRules, bind, type_key
from penstock.core.model import ActionBinding
from penstock.wire import types as wire

__all__ = [
    "FindActionType",
    "PlacedAction",
    "PlacedRule",
    "Surroundings",
    "Turn",
    "bind_actions",
    "placed_actions",
    "placed_rules",
    "region_constant",
]

FindActionType = Callable[[wire.ActionTypeId], ActionTypeRules | None]

# Stage and run order: whatever has a smaller one has certainly ended before.
Turn = tuple[int, int]

_BEFORE_ALL_ACTIONS = 0
_AFTER_ALL_ACTIONS = 1000


class Surroundings(Struct, frozen=True):
    """What a declaration comes into; `previous` is the one that it replaces."""

    account: str
    region: str
    previous: wire.PipelineDeclaration | None = None


class PlacedAction(Struct, frozen=True):
    stage: str
    position: int
    action: wire.ActionDeclaration

    @property
    def turn(self) -> Turn:
        return self.position, self.action.run_order or 1


class PlacedRule(Struct, frozen=True):
    """A rule of a condition; `gate` is the stage's member that it is under."""

    stage: str
    position: int
    gate: str
    rule: wire.RuleDeclaration

    @property
    def turn(self) -> Turn:
        return self.position, _BEFORE_ALL_ACTIONS if self.gate == "beforeEntry" else _AFTER_ALL_ACTIONS


def placed_actions(declaration: wire.PipelineDeclaration) -> Iterator[PlacedAction]:
    """Every action, in the order of the declaration."""
    for position, stage in enumerate(declaration.stages):
        for action in stage.actions:
            yield PlacedAction(stage.name, position, action)


def placed_rules(declaration: wire.PipelineDeclaration) -> Iterator[PlacedRule]:
    """Every rule of every condition, in the order of the declaration."""
    for position, stage in enumerate(declaration.stages):
        gates = (("beforeEntry", stage.before_entry), ("onSuccess", stage.on_success), ("onFailure", stage.on_failure))
        for gate, conditions in gates:
            for condition in (conditions and conditions.conditions) or ():
                for rule in condition.rules or ():
                    yield PlacedRule(stage.name, position, gate, rule)


def bind_actions(
    declaration: wire.PipelineDeclaration, find: FindActionType, account: str, region: str
) -> dict[str, ActionBinding]:
    """The bindings of a checked declaration's actions, keyed `STAGE/ACTION`."""
    bindings = {}
    for placed in placed_actions(declaration):
        action = placed.action
        rules = find(action.action_type_id)
        assert rules is not None, "a checked declaration names no unknown action type"
        key = type_key(action.action_type_id, account, region)
        bindings[f"{placed.stage}/{action.name}"] = bind(action, rules, key)
    return bindings


def region_constant(region: str) -> str:
    """A region as the service's messages write it: `US_EAST_1`."""
    return region.upper().replace("-", "_")
