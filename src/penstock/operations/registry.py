"""Operation name to handler: the service's 44 and penstock's own."""

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from msgspec import Struct

from penstock.operations import (
    access,
    action_types,
    backups,
    connections,
    deliveries,
    executions,
    explain,
    jobs,
    keys,
    links,
    logs,
    own_types,
    partners,
    pipelines,
    revisions,
    rules,
    stages,
    tags,
    targets,
    third_party_jobs,
    webhooks,
)
from penstock.operations.call import Call
from penstock.wire.catalog import OPERATIONS, TARGET_PREFIX
from penstock.wire.shape import Operation

__all__ = ["HANDLERS", "NOT_BUILT", "OWN_TARGET_PREFIX", "Handler", "Route"]

OWN_TARGET_PREFIX = "Penstock"

Handler = Callable[[Any, Call], Awaitable[Struct | None]]

# Operations that answer UnknownOperationException. The list only shrinks, and ends empty.
NOT_BUILT: frozenset[str] = frozenset()

_MODULES: tuple[ModuleType, ...] = (
    action_types,
    executions,
    jobs,
    partners,
    pipelines,
    revisions,
    rules,
    stages,
    tags,
    targets,
    third_party_jobs,
    webhooks,
)


class Route(Struct, frozen=True):
    """An operation, what carries it out, and the name that policies call it by."""

    operation: Operation
    handler: Handler
    iam_action: str


def _handler(function: str) -> Handler:
    for module in _MODULES:
        found: Handler | None = getattr(module, function, None)
        if found is not None:
            return found
    raise LookupError(f"no module of operations has {function}")


def _own(name: str, handler: Handler) -> Route:
    function = getattr(handler, "__name__", name)
    operation = Operation(
        name, function, getattr(own_types, f"{name}Input"), getattr(own_types, f"{name}Output"), frozenset()
    )
    return Route(operation, handler, f"penstock:{name}")


HANDLERS: dict[str, Route] = {
    f"{TARGET_PREFIX}.{name}": Route(operation, _handler(operation.function), f"codepipeline:{name}")
    for name, operation in OPERATIONS.items()
    if name not in NOT_BUILT
} | {
    f"{OWN_TARGET_PREFIX}.{name}": _own(name, handler)
    for name, handler in (
        ("CreatePrincipal", access.create_principal),
        ("ListPrincipals", access.list_principals),
        ("GetPrincipal", access.get_principal),
        ("UpdatePrincipal", access.update_principal),
        ("DeletePrincipal", access.delete_principal),
        ("RegisterPartnerActionType", partners.register_partner_action_type),
        ("LinkPartner", links.link_partner),
        ("RotatePartnerToken", links.rotate_partner_token),
        ("RevokePartner", links.revoke_partner),
        ("ListPartners", links.list_partners),
        ("PutJobLog", logs.put_job_log),
        ("GetActionLog", logs.get_action_log),
        ("ExplainPipeline", explain.explain_pipeline),
        ("ConnectRepository", connections.connect_repository),
        ("ListWebhookDeliveries", deliveries.list_webhook_deliveries),
        ("RotateKey", keys.rotate_key),
        ("DescribeKeys", keys.describe_keys),
        ("CreateBackup", backups.create_backup),
        ("DescribeBackup", backups.describe_backup),
        ("DeleteBackup", backups.delete_backup),
    )
}
