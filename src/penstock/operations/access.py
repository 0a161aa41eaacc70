"""Principals: who else than root may call."""

import base64
import secrets
from functools import partial

from msgspec.structs import replace

from penstock.engine.committer import Written
from penstock.operations.call import ACCESS_KEY_SECRET, Call
from penstock.operations.own_types import (
    CreatePrincipalInput,
    CreatePrincipalOutput,
    DeletePrincipalInput,
    DeletePrincipalOutput,
    GetPrincipalInput,
    GetPrincipalOutput,
    ListedPrincipal,
    ListPrincipalsInput,
    ListPrincipalsOutput,
    PrincipalKey,
    UpdatePrincipalInput,
    UpdatePrincipalOutput,
)
from penstock.operations.paging import next_token, start_key
from penstock.ports.principals import KeyRow, PrincipalRow
from penstock.ports.storage import Transaction
from penstock.wire.errors import AccessDeniedException, ResourceNotFoundException, ValidationException

__all__ = ["create_principal", "delete_principal", "get_principal", "list_principals", "update_principal"]

PAGE_MAX = 100
# The sessions of jobs and of the server's own workers are named as if they were of roles with this name.
OWN_ROLE = "penstock"


async def create_principal(request: CreatePrincipalInput, call: Call) -> CreatePrincipalOutput:
    """Add a principal: a user with a key pair of its own, or a role, which others assume."""
    account = _account(call, request.account, "CreatePrincipal")
    _check_policy(call, request.policy)
    _check_role(request)
    kind, mark = ("role", "AROA") if request.role else ("user", "AIDA")
    row = PrincipalRow(
        account=account,
        name=request.name,
        id=mark + _random_name(),
        arn=f"arn:aws:iam::{account}:{kind}/{request.name}",
        kind="role" if request.role else "user",
        policies=(request.policy,),
        trust=request.trust or (),
        created_at=call.now,
    )
    if request.role:
        await call.committer.write(partial(_add, row=row, key=None))
        return CreatePrincipalOutput(arn=row.arn)
    secret = base64.b64encode(secrets.token_bytes(30)).decode()
    sealed = call.environment.vault.seal(secret, ACCESS_KEY_SECRET)
    key = KeyRow("AKIA" + _random_name(), account, request.name, sealed, row.created_at)
    await call.committer.write(partial(_add, row=row, key=key))
    return CreatePrincipalOutput(access_key_id=key.access_key_id, secret_access_key=secret, arn=row.arn)


def _check_role(request: CreatePrincipalInput) -> None:
    if request.role is not bool(request.trust):
        raise ValidationException("A role needs trust, which says who may assume it, and nobody else has any")
    if request.role and (request.name == OWN_ROLE or request.name.startswith(f"{OWN_ROLE}-")):
        raise ValidationException(f"The role '{request.name}' would be taken for one of the server's own")


def _random_name() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode()


def _account(call: Call, asked: str | None, operation: str) -> str:
    """The account that is meant. That of others is open to the server's root alone."""
    if asked is not None and asked != call.account and call.principal.kind != "root":
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: penstock:{operation} for account {asked}: "
            "only the server's root may"
        )
    return asked or call.account


def _check_policy(call: Call, policy: str) -> None:
    try:
        call.environment.check_policy(policy)
    except ValueError as problem:
        raise ValidationException(f"The policy is not a valid IAM policy document: {problem}") from None


def _add(transaction: Transaction, row: PrincipalRow, key: KeyRow | None) -> Written[None]:
    if transaction.principals.principal(row.account, row.name) is not None:
        raise ValidationException(f"The account {row.account} has a principal '{row.name}' already")
    transaction.principals.add_principal(row)
    if key is not None:
        transaction.principals.add_key(key)
    return Written(None)


async def list_principals(request: ListPrincipalsInput, call: Call) -> ListPrincipalsOutput:
    """The users and roles of an account, in the order of their names."""
    account = _account(call, request.account, "ListPrincipals")
    listing = f"ListPrincipals/{account}"
    key = start_key(call, listing, request.next_token)
    rows_max = request.max_results or PAGE_MAX
    rows = await call.reader.principals.principals(account, str(key[0]) if key else "", rows_max + 1)
    token = next_token(call, listing, [rows[rows_max - 1].name]) if len(rows) > rows_max else None
    listed = [
        ListedPrincipal(name=row.name, arn=row.arn, kind=row.kind, created_at=row.created_at) for row in rows[:rows_max]
    ]
    return ListPrincipalsOutput(principals=tuple(listed), next_token=token)


async def get_principal(request: GetPrincipalInput, call: Call) -> GetPrincipalOutput:
    """What a principal may do, the ids of its keys, and who may assume it. Nothing here is secret."""
    account = _account(call, request.account, "GetPrincipal")
    row = await call.reader.principals.principal(account, request.name)
    if row is None:
        raise _not_found(account, request.name)
    keys = await call.reader.principals.keys_of(row)
    return GetPrincipalOutput(
        name=row.name,
        arn=row.arn,
        kind=row.kind,
        created_at=row.created_at,
        policies=row.policies,
        keys=tuple(PrincipalKey(access_key_id=key.access_key_id, created_at=key.created_at) for key in keys),
        trust=row.trust if row.kind == "role" else None,
    )


def _not_found(account: str, name: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The account {account} has no principal '{name}'")


async def update_principal(request: UpdatePrincipalInput, call: Call) -> UpdatePrincipalOutput:
    """Give a principal another policy, or a role another trust. Its keys stay, and its sessions change with it."""
    account = _account(call, request.account, "UpdatePrincipal")
    if request.policy is None and request.trust is None:
        raise ValidationException("An update gives a policy, or a role's trust")
    if request.policy is not None:
        _check_policy(call, request.policy)
    await call.committer.write(partial(_update, account=account, request=request))
    call.environment.door.forget()
    return UpdatePrincipalOutput()


def _update(transaction: Transaction, account: str, request: UpdatePrincipalInput) -> Written[None]:
    row = _found(transaction, account, request.name)
    if request.trust is not None and row.kind != "role":
        raise ValidationException(f"The principal '{row.name}' is no role: nobody assumes it")
    policies = row.policies if request.policy is None else (request.policy,)
    trust = row.trust if request.trust is None else request.trust
    transaction.principals.update_principal(replace(row, policies=policies, trust=trust))
    return Written(None)


def _found(transaction: Transaction, account: str, name: str) -> PrincipalRow:
    row = transaction.principals.principal(account, name)
    if row is None:
        raise _not_found(account, name)
    return row


async def delete_principal(request: DeletePrincipalInput, call: Call) -> DeletePrincipalOutput:
    """Take a principal away with its keys. They and its sessions open nothing more, here at once, elsewhere within five
    seconds."""
    account = _account(call, request.account, "DeletePrincipal")
    await call.committer.write(partial(_delete, account=account, name=request.name))
    call.environment.door.forget()
    return DeletePrincipalOutput()


def _delete(transaction: Transaction, account: str, name: str) -> Written[None]:
    transaction.principals.delete_principal(_found(transaction, account, name))
    return Written(None)
