"""What the rules must know of an action type, whoever owns it, and the types that come with the server."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import msgspec
from msgspec import Struct

from penstock.core import limits
from penstock.core.model import ActionBinding
from penstock.wire import types as wire
from penstock.wire.errors import ValidationException

__all__ = [
    "EVERYBODY",
    "FUNCTION_TYPE",
    "FUNCTION_TYPE_KEY",
    "ActionTypeRules",
    "ArtifactCount",
    "bind",
    "builtin",
    "check_counts",
    "check_custom",
    "check_properties",
    "property_of_partner",
    "type_key",
]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CONFIG = "Config:"
_EXTERNAL_EXECUTION_ID = "ExternalExecutionId"
_SERVICE = "codepipeline.amazonaws.com"

# What stands for all accounts among those that may use a type
EVERYBODY = "*"


class ArtifactCount(Struct, frozen=True, array_like=True):
    """How many artifacts an action of a type may have, both ends included."""

    minimum: int
    maximum: int


class ActionTypeRules(Struct, frozen=True, rename="camel"):
    """An action type as declarations are judged by it.

    `timeout_seconds` is how long an action may take in all, `job_timeout_seconds` how long one of its jobs may; `None`
    leaves it to the limits. `function_arn` is the function that does the jobs of a partner's type, where it is one that does
    them. An action declares commands, files and output variables only where `is_compute`, and
    environment variables only where `takes_environment`.
    """

    id: wire.ActionTypeId
    inputs: ArtifactCount
    outputs: ArtifactCount
    properties: tuple[wire.ActionConfigurationProperty, ...] = ()
    settings: wire.ActionTypeSettings | None = None
    timeout_seconds: int | None = None
    job_timeout_seconds: int | None = None
    is_v2_only: bool = False
    is_compute: bool = False
    takes_environment: bool = False
    function_arn: str | None = None

    @classmethod
    def of_custom(cls, declared: wire.ActionType) -> "ActionTypeRules":
        """The rules of a custom action type."""
        inputs, outputs = declared.input_artifact_details, declared.output_artifact_details
        return cls(
            id=declared.id,
            inputs=ArtifactCount(inputs.minimum_count, inputs.maximum_count),
            outputs=ArtifactCount(outputs.minimum_count, outputs.maximum_count),
            properties=declared.action_configuration_properties or (),
            settings=declared.settings,
        )

    @classmethod
    def of_partner(cls, declared: wire.ActionTypeDeclaration) -> "ActionTypeRules":
        """The rules of a partner's action type; its actions may take as long as custom ones."""
        inputs, outputs = declared.input_artifact_details, declared.output_artifact_details
        function = declared.executor.configuration.lambda_executor_configuration
        return cls(
            id=msgspec.convert(declared.id, wire.ActionTypeId, from_attributes=True),
            inputs=ArtifactCount(inputs.minimum_count, inputs.maximum_count),
            outputs=ArtifactCount(outputs.minimum_count, outputs.maximum_count),
            properties=tuple(property_of_partner(each) for each in declared.properties or ()),
            settings=_settings_of_partner(declared.urls),
            timeout_seconds=limits.CUSTOM_ACTION_TIMEOUT_SECONDS,
            job_timeout_seconds=_job_timeout_seconds(declared.executor),
            function_arn=function.lambda_function_arn if function is not None else None,
        )

    @property
    def secret_keys(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.properties if each.secret)

    @property
    def query_property(self) -> str | None:
        """The property by whose value workers may choose their jobs."""
        for each in self.properties:
            if each.queryable:
                return each.name
        return None

    def as_wire(self) -> wire.ActionType:
        """The type as ListActionTypes shows it."""
        return wire.ActionType(
            id=self.id,
            settings=self.settings,
            action_configuration_properties=tuple(
                msgspec.structs.replace(each, queryable=bool(each.queryable)) for each in self.properties
            ),
            input_artifact_details=_details(self.inputs),
            output_artifact_details=_details(self.outputs),
        )

    def as_declaration(self) -> wire.ActionTypeDeclaration:
        """A built-in type as GetActionType shows it: everybody may use it, and the service's own workers do its jobs."""
        workers = wire.JobWorkerExecutorConfiguration(polling_service_principals=(_SERVICE,))
        settings = self.settings or wire.ActionTypeSettings()
        return wire.ActionTypeDeclaration(
            executor=wire.ActionTypeExecutor(
                configuration=wire.ExecutorConfiguration(job_worker_executor_configuration=workers), type="JobWorker"
            ),
            id=msgspec.convert(self.id, wire.ActionTypeIdentifier, from_attributes=True),
            input_artifact_details=_declared_details(self.inputs),
            output_artifact_details=_declared_details(self.outputs),
            permissions=wire.ActionTypePermissions(allowed_accounts=(EVERYBODY,)),
            properties=tuple(_property_as_declared(each) for each in self.properties),
            urls=wire.ActionTypeUrls(
                configuration_url=settings.third_party_configuration_url,
                entity_url_template=settings.entity_url_template,
                execution_url_template=settings.execution_url_template,
                revision_url_template=settings.revision_url_template,
            ),
        )


@cache
def builtin() -> Mapping[str, ActionTypeRules]:
    """Every action type that is there without anybody having made it, by type key."""
    catalogue = resources.files("penstock.core").joinpath("action_types.json").read_bytes()
    types = msgspec.json.decode(catalogue, type=tuple[ActionTypeRules, ...])
    # Types of these owners are the same in every account and region.
    return MappingProxyType({type_key(each.id, account="", region=""): each for each in types})


def type_key(type_id: wire.ActionTypeId, account: str, region: str) -> str:
    """What jobs of a type are queued under: a custom type is one account's and region's own, others are everybody's."""
    partition = f"{type_id.owner}/{account}/{region}" if type_id.owner == "Custom" else type_id.owner
    return f"{partition}/{type_id.category}/{type_id.provider}/{type_id.version}"


# The jobs of partners' functions: they are queued for the server's own worker, under a type that no declaration can name,
# since its category is none of the API's.
FUNCTION_TYPE = ActionTypeRules(
    id=wire.ActionTypeId(category="Partner", owner="AWS", provider="Lambda", version="1"),  # type: ignore[arg-type]
    inputs=ArtifactCount(0, 10),
    outputs=ArtifactCount(0, 10),
)
FUNCTION_TYPE_KEY = type_key(FUNCTION_TYPE.id, account="", region="")


def bind(action: wire.ActionDeclaration, rules: ActionTypeRules, key: str) -> ActionBinding:
    """What an action means from now on, whatever becomes of its type; `key` is the type's."""
    settings = rules.settings or wire.ActionTypeSettings()
    return ActionBinding(
        type_key=key if rules.function_arn is None else FUNCTION_TYPE_KEY,
        timeout_seconds=_timeout_seconds(action, rules),
        # Polls for partners' jobs cannot name a value.
        query_property=rules.query_property if rules.id.owner == "Custom" else None,
        job_timeout_seconds=rules.job_timeout_seconds,
        secret_keys=rules.secret_keys,
        is_approval=rules.id.category == "Approval",
        entity_url=settings.entity_url_template,
        execution_url=settings.execution_url_template,
        revision_url=settings.revision_url_template,
        function_arn=rules.function_arn,
    )


def check_custom(request: wire.CreateCustomActionTypeInput) -> None:
    """Raise `ValidationException` if no action type can be made of the request."""
    if request.category == "Approval":
        raise ValidationException("A custom action type cannot have the category 'Approval'.")
    check_counts(request.input_artifact_details, request.output_artifact_details)
    properties = {each.name: each for each in request.configuration_properties or ()}
    check_properties(request.configuration_properties or ())
    for member, template in _templates(request.settings or wire.ActionTypeSettings()):
        _check_template(member, template, properties)


def check_counts(*counts: wire.ArtifactDetails | wire.ActionTypeArtifactDetails) -> None:
    for count in counts:
        if count.minimum_count > count.maximum_count:
            raise ValidationException(
                f"Maximum Number of Artifacts ({count.maximum_count}) has to be greater than or equal to "
                f"minimum ({count.minimum_count})."
            )


def check_properties(properties: tuple[wire.ActionConfigurationProperty, ...]) -> None:
    seen: set[str] = set()
    for each in properties:
        if each.name in seen:
            raise ValidationException(f"Configuration property '{each.name}' is used more than once.")
        seen.add(each.name)
    queryable = [each for each in properties if each.queryable]
    if len(queryable) > 1:
        names = ", ".join(each.name for each in queryable)
        raise ValidationException(
            f"Multiple queryable configuration properties found with names '{names}'. "
            "Up to one queryable property may be specified."
        )
    for each in queryable:
        if each.secret or not each.required:
            raise ValidationException(
                f"Invalid queryable property '{each.name}'. "
                "Queryable configuration properties must be required and non-secret."
            )


def _templates(settings: wire.ActionTypeSettings) -> Iterator[tuple[str, str]]:
    for member, template in (
        ("entityUrlTemplate", settings.entity_url_template),
        ("executionUrlTemplate", settings.execution_url_template),
        ("revisionUrlTemplate", settings.revision_url_template),
    ):
        if template is not None:
            yield member, template


def _check_template(member: str, template: str, properties: dict[str, wire.ActionConfigurationProperty]) -> None:
    for placeholder in _PLACEHOLDER.findall(template):
        if placeholder == _EXTERNAL_EXECUTION_ID:
            continue
        known = properties.get(placeholder.removeprefix(_CONFIG)) if placeholder.startswith(_CONFIG) else None
        if known is None or known.secret or not known.required:
            raise ValidationException(
                f"Invalid placeholder '{{{placeholder}}}' in '{member}'. A URL template may only refer to "
                f"{{{_EXTERNAL_EXECUTION_ID}}} and, as {{Config:NAME}}, to configuration properties that are "
                "required and non-secret."
            )


def _timeout_seconds(action: wire.ActionDeclaration, rules: ActionTypeRules) -> int:
    if rules.id.category == "Approval":
        minutes = action.timeout_in_minutes
        return limits.APPROVAL_TIMEOUT_SECONDS if minutes is None else minutes * limits.MINUTE
    if rules.timeout_seconds is not None:
        return rules.timeout_seconds
    if rules.id.owner == "Custom":
        return limits.CUSTOM_ACTION_TIMEOUT_SECONDS
    kind = f"{rules.id.owner}/{rules.id.category}/{rules.id.provider}"
    return limits.ACTION_TIMEOUT_SECONDS.get(kind, limits.DEFAULT_ACTION_TIMEOUT_SECONDS)


def _job_timeout_seconds(executor: wire.ActionTypeExecutor) -> int | None:
    if executor.job_timeout is None and executor.type == "Lambda":
        return limits.PARTNER_FUNCTION_TIMEOUT_SECONDS
    return executor.job_timeout


def property_of_partner(declared: wire.ActionTypeProperty) -> wire.ActionConfigurationProperty:
    return wire.ActionConfigurationProperty(
        name=declared.name,
        required=not declared.optional,
        key=declared.key,
        secret=declared.no_echo,
        queryable=declared.queryable,
        description=declared.description,
    )


def _property_as_declared(known: wire.ActionConfigurationProperty) -> wire.ActionTypeProperty:
    return wire.ActionTypeProperty(
        name=known.name,
        optional=not known.required,
        key=known.key,
        no_echo=known.secret,
        queryable=bool(known.queryable),
        description=known.description,
    )


def _settings_of_partner(urls: wire.ActionTypeUrls | None) -> wire.ActionTypeSettings | None:
    if urls is None:
        return None
    return wire.ActionTypeSettings(
        third_party_configuration_url=urls.configuration_url,
        entity_url_template=urls.entity_url_template,
        execution_url_template=urls.execution_url_template,
        revision_url_template=urls.revision_url_template,
    )


def _details(count: ArtifactCount) -> wire.ArtifactDetails:
    return wire.ArtifactDetails(minimum_count=count.minimum, maximum_count=count.maximum)


def _declared_details(count: ArtifactCount) -> wire.ActionTypeArtifactDetails:
    return wire.ActionTypeArtifactDetails(minimum_count=count.minimum, maximum_count=count.maximum)
