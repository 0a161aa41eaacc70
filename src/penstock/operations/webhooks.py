"""PutWebhook, DeleteWebhook, ListWebhooks, registering with GitHub; and `receive`, which takes what a webhook is sent."""

import secrets
from collections.abc import Mapping
from functools import partial
from ipaddress import ip_network

from msgspec.structs import replace

from penstock.core import limits
from penstock.core.declaration import MASK
from penstock.core.model import PipelineVersion
from penstock.core.webhooks import PathError, check_path
from penstock.engine.committer import Written
from penstock.operations.call import WEBHOOK_SECRET, WEBHOOK_TOKEN, Call, Environment
from penstock.operations.paging import next_token, start_key
from penstock.operations.tags import as_mapping, check_tags
from penstock.ports.git_host import GitHost, GitHostRefused, Hook
from penstock.ports.storage import Transaction
from penstock.ports.webhooks import WebhookRow
from penstock.wire import types as wire
from penstock.wire.arn import webhook_arn
from penstock.wire.errors import (
    InvalidWebhookAuthenticationParametersException,
    InvalidWebhookFilterPatternException,
    LimitExceededException,
    PipelineNotFoundException,
    ValidationException,
    WebhookNotFoundException,
)

__all__ = [
    "PATH",
    "delete_webhook",
    "deregister_webhook_with_third_party",
    "list_webhooks",
    "put_webhook",
    "register_webhook_with_third_party",
]

PATH = "/_penstock/webhooks/"
PAGE_MAX = 100
TOKEN_BYTES = 32

_WANTED = {"GITHUB_HMAC": "SecretToken", "IP": "AllowedIPRange"}


async def put_webhook(request: wire.PutWebhookInput, call: Call) -> wire.PutWebhookOutput:
    """API: PutWebhook. An update keeps the address, and the secret if it comes masked; tags are kept unless given."""
    definition = request.webhook
    _check_authentication(definition)
    _check_filters(definition)
    tags = as_mapping(request.tags) if request.tags is not None else None
    check_tags(_arn(call, definition.name), tags or {})
    row = _new_row(call, definition)
    stored, shown = await call.committer.write(partial(_put, row=row, tags=tags))
    return wire.PutWebhookOutput(webhook=_item(call, stored, shown))


def _check_authentication(definition: wire.WebhookDefinition) -> None:
    configuration = definition.authentication_configuration
    given = {
        name
        for name, value in (
            ("SecretToken", configuration.secret_token),
            ("AllowedIPRange", configuration.allowed_ip_range),
        )
        if value is not None
    }
    wanted = _WANTED.get(definition.authentication)
    if wanted is not None and given != {wanted}:
        # The quotation mark stands where the service has it.
        raise InvalidWebhookAuthenticationParametersException(
            f"Optional['authenticationConfig' should contain only one property: '{wanted}']"
        )
    if wanted is None and given:
        raise InvalidWebhookAuthenticationParametersException(
            "Optional['authenticationConfig' should not contain any property]"
        )
    if configuration.allowed_ip_range is not None:
        _check_range(configuration.allowed_ip_range)


def _check_range(text: str) -> None:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise InvalidWebhookAuthenticationParametersException(
            f"'AllowedIPRange' should be a range of addresses in CIDR notation, such as 192.0.2.0/24, not '{text}'"
        ) from None


def _check_filters(definition: wire.WebhookDefinition) -> None:
    for rule in definition.filters:
        try:
            check_path(rule.json_path)
        except PathError as problem:
            raise InvalidWebhookFilterPatternException(
                f"The jsonPath '{rule.json_path}' is not valid: {problem}"
            ) from None


def _new_row(call: Call, definition: wire.WebhookDefinition) -> WebhookRow:
    """The webhook as it is if there is none of its name, its secret out of the definition and sealed."""
    vault = call.environment.vault
    token = secrets.token_urlsafe(TOKEN_BYTES)
    configuration = definition.authentication_configuration
    secret = configuration.secret_token
    masked = replace(configuration, secret_token=MASK if secret is not None else None)
    return WebhookRow(
        account=call.account,
        region=call.region,
        name=definition.name,
        id=call.environment.ids.new(),
        token=vault.seal(token, WEBHOOK_TOKEN),
        token_hash=vault.fingerprint(token),
        definition=replace(definition, authentication_configuration=masked),
        # A mask is no secret: it stands for the one that is there.
        secret=None if secret is None or secret == MASK else vault.seal(secret, WEBHOOK_SECRET),
        created_at=call.now,
    )


def _put(
    transaction: Transaction, row: WebhookRow, tags: dict[str, str] | None
) -> Written[tuple[WebhookRow, dict[str, str]]]:
    _require_target(transaction, row)
    known = transaction.webhooks.webhook(row.account, row.region, row.name)
    secret = row.secret
    if row.definition.authentication == "GITHUB_HMAC" and secret is None:
        secret = known.secret if known is not None else None
        if secret is None:
            raise InvalidWebhookAuthenticationParametersException(
                f"'{MASK}' stands for the secret that a webhook has: a webhook without one needs a secret of its own"
            )
    if known is not None:
        row = replace(known, definition=row.definition, secret=secret)
    elif transaction.webhooks.webhook_count(row.account, row.region) >= limits.WEBHOOKS_MAX:
        raise LimitExceededException(f"The account has {limits.WEBHOOKS_MAX} webhooks, which is the limit")
    transaction.webhooks.put_webhook(row)
    arn = webhook_arn(row.region, row.account, row.name)
    if tags is not None:
        transaction.set_tags(row.account, arn, tags)
    return Written((row, transaction.tags(row.account, arn)))


def _require_target(transaction: Transaction, row: WebhookRow) -> None:
    name, action = row.definition.target_pipeline, row.definition.target_action
    pipeline = transaction.pipeline(row.account, row.region, name)
    if pipeline is None:
        raise PipelineNotFoundException(f"Account '{row.account}' does not have a pipeline with name '{name}'")
    version = transaction.version(row.account, pipeline.id, pipeline.version)
    assert version is not None
    if source_action(version, action) is None:
        raise ValidationException(f"The target action '{action}' is not a source action of pipeline '{name}'")


def source_action(version: PipelineVersion, name: str) -> wire.ActionDeclaration | None:
    """The action of that name in the first stage."""
    return next((action for action in version.declaration.stages[0].actions if action.name == name), None)


def _arn(call: Call, name: str) -> str:
    return webhook_arn(call.region, call.account, name)


def _item(call: Call, row: WebhookRow, tags: Mapping[str, str]) -> wire.ListWebhookItem:
    return wire.ListWebhookItem(
        definition=row.definition,
        url=_url(call.environment, row),
        error_message=row.error_message,
        error_code=row.error_code,
        last_triggered=row.last_triggered,
        arn=_arn(call, row.name),
        tags=tuple(wire.Tag(key=key, value=value) for key, value in tags.items()),
    )


def _url(environment: Environment, row: WebhookRow) -> str:
    return f"{environment.root_url}{PATH}{environment.vault.open(row.token, WEBHOOK_TOKEN)}"


async def delete_webhook(request: wire.DeleteWebhookInput, call: Call) -> wire.DeleteWebhookOutput:
    """API: DeleteWebhook. A name that no webhook has is no error."""
    await call.committer.write(partial(_delete, name=request.name, call=call))
    return wire.DeleteWebhookOutput()


def _delete(transaction: Transaction, name: str, call: Call) -> Written[None]:
    row = transaction.webhooks.webhook(call.account, call.region, name)
    if row is not None:
        transaction.webhooks.delete_webhook(row)
        transaction.set_tags(call.account, _arn(call, name), {})
    return Written(None)


async def list_webhooks(request: wire.ListWebhooksInput, call: Call) -> wire.ListWebhooksOutput:
    """API: ListWebhooks. In the order of their names; an error is the last refusal or failure since things went well."""
    key = start_key(call, "ListWebhooks", request.next_token)
    rows_max = request.max_results or PAGE_MAX
    rows = await call.reader.webhooks.webhooks(call.account, call.region, str(key[0]) if key else "", rows_max + 1)
    token = next_token(call, "ListWebhooks", [rows[rows_max - 1].name]) if len(rows) > rows_max else None
    items = [_item(call, row, await call.reader.tags(call.account, _arn(call, row.name))) for row in rows[:rows_max]]
    return wire.ListWebhooksOutput(webhooks=tuple(items), next_token=token)


async def find_webhook(call: Call, name: str | None) -> WebhookRow:
    """The caller's webhook of that name, or WebhookNotFoundException."""
    if name is None:
        raise ValidationException("The request names no webhook: webhookName must be given")
    row = await call.reader.webhooks.webhook(call.account, call.region, name)
    if row is None:
        raise WebhookNotFoundException(f"The webhook '{name}' does not exist in account '{call.account}'")
    return row


async def register_webhook_with_third_party(
    request: wire.RegisterWebhookWithThirdPartyInput, call: Call
) -> wire.RegisterWebhookWithThirdPartyOutput:
    """API: RegisterWebhookWithThirdParty. Has GitHub deliver the repository's pushes; again brings it up to date there."""
    row = await find_webhook(call, request.webhook_name)
    host, hook = _host(call), await _hook(call, row)
    try:
        registration = await host.register(hook)
    except GitHostRefused as problem:
        raise ValidationException(f"GitHub did not register the webhook '{row.name}': {problem}") from None
    await call.committer.write(partial(_keep_registration, row=row, registration=registration))
    return wire.RegisterWebhookWithThirdPartyOutput()


async def deregister_webhook_with_third_party(
    request: wire.DeregisterWebhookWithThirdPartyInput, call: Call
) -> wire.DeregisterWebhookWithThirdPartyOutput:
    """API: DeregisterWebhookWithThirdParty. Has GitHub deliver no more; one that is not registered is no error."""
    row = await find_webhook(call, request.webhook_name)
    hook = await _hook(call, row)
    if hook.id is not None:
        try:
            await _host(call).deregister(hook)
        except GitHostRefused as problem:
            raise ValidationException(f"GitHub did not deregister the webhook '{row.name}': {problem}") from None
        await call.committer.write(partial(_keep_registration, row=row, registration=None))
    return wire.DeregisterWebhookWithThirdPartyOutput()


def _host(call: Call) -> GitHost:
    if call.environment.git_host is None:
        raise ValidationException(
            "This server knows no API of GitHub: start it with PENSTOCK_GITHUB_API_URL, such as https://api.github.com"
        )
    return call.environment.git_host


async def _hook(call: Call, row: WebhookRow) -> Hook:
    """The webhook as GitHub is to know it; ValidationException if its target is not a GitHub (version 1) source."""
    definition = row.definition
    pipeline = await call.reader.pipeline(call.account, call.region, definition.target_pipeline)
    version = await call.reader.version(call.account, pipeline.id, pipeline.version) if pipeline is not None else None
    action = source_action(version, definition.target_action) if version is not None else None
    identity = action.action_type_id if action is not None else None
    if action is None or identity is None or (identity.owner, identity.provider) != ("ThirdParty", "GitHub"):
        raise ValidationException(
            f"The webhook '{row.name}' cannot be registered: its target action '{definition.target_action}' is not a "
            "GitHub (version 1) source action"
        )
    configuration = action.configuration or {}
    secret = call.environment.vault.open(row.secret, WEBHOOK_SECRET) if row.secret is not None else None
    return Hook(
        owner=configuration["Owner"],
        repository=configuration["Repo"],
        token=call.unseal(configuration["OAuthToken"]),
        url=_url(call.environment, row),
        secret=secret,
        id=row.registration,
    )


def _keep_registration(transaction: Transaction, row: WebhookRow, registration: str | None) -> Written[None]:
    current = transaction.webhooks.webhook(row.account, row.region, row.name)
    if current is not None and current.id == row.id:
        transaction.webhooks.put_webhook(replace(current, registration=registration))
    return Written(None)
