"""The types of the rules that conditions are made of. All come with the server: nobody can add one."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import msgspec
from msgspec import Struct

from penstock.core.action_types import ActionTypeRules, ArtifactCount
from penstock.wire import types as wire

__all__ = ["RuleTypeRules", "builtin", "rule_type_key"]

VERSION = "1"


class RuleTypeRules(Struct, frozen=True, rename="camel"):
    """A rule type as the rules of declarations are judged by it."""

    id: wire.RuleTypeId
    inputs: ArtifactCount
    properties: tuple[wire.RuleConfigurationProperty, ...] = ()

    def as_wire(self) -> wire.RuleType:
        """The type as ListRuleTypes shows it."""
        return wire.RuleType(
            id=self.id,
            rule_configuration_properties=tuple(
                msgspec.structs.replace(each, queryable=False) for each in self.properties
            ),
            input_artifact_details=wire.ArtifactDetails(
                minimum_count=self.inputs.minimum, maximum_count=self.inputs.maximum
            ),
        )

    def as_polled(self) -> ActionTypeRules:
        """The type as its workers poll for it: as if it were that of an action, in a category of its own."""
        polled = wire.ActionTypeId(
            category=self.id.category,  # type: ignore[arg-type]  # the model's enum lacks it
            owner="AWS",
            provider=self.id.provider,
            version=self.id.version or VERSION,
        )
        return ActionTypeRules(id=polled, inputs=self.inputs, outputs=ArtifactCount(0, 0))


@cache
def builtin() -> Mapping[str, RuleTypeRules]:
    """Every rule type by its key, which is that of its jobs as well."""
    catalogue = resources.files("penstock.core").joinpath("rule_types.json").read_bytes()
    types = msgspec.json.decode(catalogue, type=tuple[RuleTypeRules, ...])
    return MappingProxyType({rule_type_key(each.id): each for each in types})


def rule_type_key(type_id: wire.RuleTypeId) -> str:
    """What a rule type is found by, and what its jobs are queued under; without a version it is the only one."""
    return f"AWS/Rule/{type_id.provider}/{type_id.version or VERSION}"
