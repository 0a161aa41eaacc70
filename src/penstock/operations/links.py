"""Accounts' links to partners: made, given new tokens, and silenced.

A link has one client id for good. Its tokens come and go: two are valid while a partner's workers change from the one to the
other, none after a revocation, until the link is given another.
"""

import hmac
import secrets
from functools import partial

from msgspec.structs import replace

from penstock.engine.committer import Written
from penstock.operations.action_types import may_use, partner_declaration
from penstock.operations.call import Call
from penstock.operations.own_types import (
    LinkedPartner,
    LinkPartnerInput,
    LinkPartnerOutput,
    ListPartnersInput,
    ListPartnersOutput,
    RevokePartnerInput,
    RevokePartnerOutput,
    RotatePartnerTokenInput,
    RotatePartnerTokenOutput,
    ValidToken,
)
from penstock.operations.paging import Key, next_token, start_key
from penstock.operations.partners import registered_types
from penstock.ports.partners import ClientToken, Link
from penstock.ports.storage import ActionTypeRow, Transaction
from penstock.wire.errors import ActionTypeNotFoundException, ResourceNotFoundException

__all__ = ["link_partner", "list_partners", "live_tokens", "opens", "revoke_partner", "rotate_partner_token"]

OVERLAP_SECONDS = 3600
PAGE_MAX = 100


def live_tokens(link: Link, now: float) -> tuple[ClientToken, ...]:
    """The tokens that are good now, oldest first."""
    return tuple(token for token in link.tokens if token.valid_until is None or now < token.valid_until)


def opens(link: Link, given: bytes, now: float) -> bool:
    """Whether the hash is that of a token that is good now. It is compared with each, and each time to the end."""
    return sum(hmac.compare_digest(token.hash, given) for token in live_tokens(link, now)) > 0


def _new_token(call: Call) -> tuple[str, ClientToken]:
    """A token, told this once, and what is kept of it."""
    # Hexadecimal: a token that began with a dash would look like an option to a command line.
    text = secrets.token_hex(32)
    return text, ClientToken(call.environment.vault.fingerprint(text), call.now)


async def link_partner(request: LinkPartnerInput, call: Call) -> LinkPartnerOutput:
    """Link the calling account to a partner. Linking again keeps the client id; a new token takes the place of all others."""
    text, token = _new_token(call)
    link = Link(
        account=call.account,
        provider=request.provider,
        version=request.version,
        client_id=call.environment.ids.new(),
        created_at=call.now,
        tokens=(token,),
    )
    client_id = await call.committer.write(partial(_link, link=link))
    return LinkPartnerOutput(client_id=client_id, client_token=text)


def _link(transaction: Transaction, link: Link) -> Written[str]:
    types = transaction.partner_types(link.provider, link.version)
    if not any(may_use(row, link.account) for row in types):
        raise ActionTypeNotFoundException(
            f"No partner action type with provider '{link.provider}' and version '{link.version}' is registered for "
            f"account '{link.account}'"
        )
    known = transaction.partners.link(link.account, link.provider, link.version)
    transaction.partners.put_link(link)
    return Written(known.client_id if known is not None else link.client_id)


async def rotate_partner_token(request: RotatePartnerTokenInput, call: Call) -> RotatePartnerTokenOutput:
    """Give a link a new token. The one before stays valid for the overlap, any older one ends at once."""
    text, token = _new_token(call)
    overlap_seconds = OVERLAP_SECONDS if request.overlap_seconds is None else request.overlap_seconds
    client_id, valid_until = await call.committer.write(
        partial(
            _rotate,
            place=(call.account, request.provider, request.version),
            token=token,
            overlap_seconds=overlap_seconds,
        )
    )
    return RotatePartnerTokenOutput(client_id=client_id, client_token=text, previous_token_valid_until=valid_until)


def _rotate(
    transaction: Transaction, place: tuple[str, str, str], token: ClientToken, overlap_seconds: int
) -> Written[tuple[str, float | None]]:
    link = _known_link(transaction, place)
    previous = tuple(
        replace(each, valid_until=token.created_at + overlap_seconds)
        for each in live_tokens(link, token.created_at)[-1:]
    )
    transaction.partners.put_link(replace(link, tokens=(*previous, token)))
    return Written((link.client_id, previous[0].valid_until if previous else None))


async def revoke_partner(request: RevokePartnerInput, call: Call) -> RevokePartnerOutput:
    """End all tokens of a link. Open jobs stay: whoever is given a new token may answer them."""
    place = (call.account, request.provider, request.version)
    return RevokePartnerOutput(client_id=await call.committer.write(partial(_revoke, place=place)))


def _revoke(transaction: Transaction, place: tuple[str, str, str]) -> Written[str]:
    link = _known_link(transaction, place)
    transaction.partners.put_link(replace(link, tokens=()))
    return Written(link.client_id)


def _known_link(transaction: Transaction, place: tuple[str, str, str]) -> Link:
    link = transaction.partners.link(*place)
    if link is None:
        account, provider, version = place
        raise ResourceNotFoundException(
            f"The account '{account}' is not linked to a partner with provider '{provider}' and version '{version}': "
            "link it with 'penstock partner link'"
        )
    return link


async def list_partners(request: ListPartnersInput, call: Call) -> ListPartnersOutput:
    """The links of the account, with the tokens that are good now; behind them the partner types that it registered."""
    key = start_key(call, "ListPartners", request.next_token)
    rows_max = request.max_results or PAGE_MAX
    found = await _behind(call, key or ["", ""], rows_max + 1)
    shown = found[:rows_max]
    return ListPartnersOutput(
        links=tuple(_listed(row, call.now) for row in shown if isinstance(row, Link)),
        action_types=tuple(partner_declaration(row).id for row in shown if not isinstance(row, Link)),
        next_token=next_token(call, "ListPartners", _key(shown[-1])) if len(found) > rows_max else None,
    )


async def _behind(call: Call, key: Key, rows_max: int) -> list[Link | ActionTypeRow]:
    """What comes behind a link, whose key is of two parts, or behind a type."""
    first, *second = (str(part) for part in key)
    if not second:
        return [*await registered_types(call, first, rows_max)]
    links = await call.reader.partners.links(call.account, (first, second[0]), rows_max)
    return [*links, *await registered_types(call, "", rows_max - len(links))]


def _key(row: Link | ActionTypeRow) -> Key:
    return [row.provider, row.version] if isinstance(row, Link) else [row.type_key]


def _listed(link: Link, now: float) -> LinkedPartner:
    return LinkedPartner(
        provider=link.provider,
        version=link.version,
        client_id=link.client_id,
        created_at=link.created_at,
        tokens=tuple(
            ValidToken(created_at=token.created_at, valid_until=token.valid_until) for token in live_tokens(link, now)
        ),
    )
