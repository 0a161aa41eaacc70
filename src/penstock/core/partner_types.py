"""What a partner's action type has to be, and what may become of it."""

from penstock.core import limits
from penstock.core.action_types import check_counts, check_properties, property_of_partner
from penstock.wire import types as wire
from penstock.wire.errors import ValidationException

__all__ = ["check_partner", "check_update"]

# What begins so in a configuration is told to the server's own workers and comes from no declaration.
RESERVED_PREFIX = "penstock:"


def check_partner(declared: wire.ActionTypeDeclaration) -> None:
    """Raise `ValidationException` if the declaration is not that of a partner's action type."""
    if declared.id.owner != "ThirdParty":
        raise ValidationException("A partner's action type has the owner 'ThirdParty'")
    if declared.id.category == "Approval":
        raise ValidationException("A partner's action type cannot have the category 'Approval'.")
    _check_executor(declared.executor)
    check_counts(declared.input_artifact_details, declared.output_artifact_details)
    check_properties(tuple(property_of_partner(each) for each in declared.properties or ()))
    for each in declared.properties or ():
        if each.name.startswith(RESERVED_PREFIX):
            raise ValidationException(f"The name of the property '{each.name}' begins with '{RESERVED_PREFIX}'.")


def check_update(known: wire.ActionTypeDeclaration, wanted: wire.ActionTypeDeclaration) -> None:
    """Raise `ValidationException` if the one cannot follow the other: pipelines that use the type must stay valid."""
    if known.executor.type != wanted.executor.type:
        raise ValidationException(
            f"The executor of the action type is '{known.executor.type}' and cannot become '{wanted.executor.type}'."
        )
    was_optional = {each.name: each.optional for each in known.properties or ()}
    for each in wanted.properties or ():
        if each.optional:
            continue
        if each.name not in was_optional:
            raise ValidationException(f"The new property '{each.name}' has to be optional.")
        if was_optional[each.name]:
            raise ValidationException(f"The property '{each.name}' is optional and cannot become required.")


def _check_executor(executor: wire.ActionTypeExecutor) -> None:
    """UG: action-types. The configuration is that of the executor's own type and no other."""
    configurations = {
        "JobWorker": ("jobWorkerExecutorConfiguration", executor.configuration.job_worker_executor_configuration),
        "Lambda": ("lambdaExecutorConfiguration", executor.configuration.lambda_executor_configuration),
    }
    for kind, (member, given) in configurations.items():
        if kind == executor.type and given is None:
            raise ValidationException(f"The executor '{kind}' needs a {member}.")
        if kind != executor.type and given is not None:
            raise ValidationException(f"The executor '{executor.type}' does not take a {member}.")
    seconds_max = limits.PARTNER_FUNCTION_TIMEOUT_SECONDS
    if executor.type == "Lambda" and (executor.job_timeout or 0) > seconds_max:
        raise ValidationException(
            f"The jobTimeout of the executor 'Lambda' is {seconds_max} seconds at most, not {executor.job_timeout}."
        )
