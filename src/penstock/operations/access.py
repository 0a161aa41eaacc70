"""Principals: who else than root may call."""

import base64
import secrets
from collections.abc import Callable
from functools import partial

from penstock.engine.committer import Written
from penstock.operations.call import ACCESS_KEY_SECRET, Call
from penstock.operations.own_types import CreatePrincipalInput, CreatePrincipalOutput
from penstock.ports.storage import KeyRow, Transaction
from penstock.wire.errors import AccessDeniedException, ValidationException

__all__ = ["create_principal"]

CheckPolicy = Callable[[str], None]


async def create_principal(request: CreatePrincipalInput, call: Call) -> CreatePrincipalOutput:
    """Add a principal with a key pair of its own. Another account's is made by the server's root alone."""
    account = request.account or call.account
    if account != call.account and call.principal.kind != "root":
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: penstock:CreatePrincipal for account {account}: "
            "only the server's root may"
        )
    try:
        call.environment.check_policy(request.policy)
    except ValueError as problem:
        raise ValidationException(f"The policy is not a valid IAM policy document: {problem}") from None
    access_key_id = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
    secret = base64.b64encode(secrets.token_bytes(30)).decode()
    arn = f"arn:aws:iam::{account}:user/{request.name}"
    sealed = call.environment.vault.seal(secret, ACCESS_KEY_SECRET)
    row = KeyRow(access_key_id, account, request.name, arn, sealed, (request.policy,), call.now)
    await call.committer.write(partial(_add, row=row))
    return CreatePrincipalOutput(access_key_id=access_key_id, secret_access_key=secret, arn=arn)


def _add(transaction: Transaction, row: KeyRow) -> Written[None]:
    if transaction.has_principal(row.account, row.name):
        raise ValidationException(f"The account {row.account} has a principal '{row.name}' already")
    transaction.put_key(row)
    return Written(None)
