"""Principals and their keys, as they are kept."""

import pytest

from penstock.ports.principals import KeyRow, PrincipalRow
from storage.conftest import Reopening
from storage.samples import ACCOUNT

OTHER = "999999999999"


def user(name: str = "ann", account: str = ACCOUNT, principal_id: str = "") -> PrincipalRow:
    arn = f"arn:aws:iam::{account}:user/{name}"
    return PrincipalRow(account, name, principal_id or f"AIDA{account}{name}", arn, "user", ("{}", "[]"), (), 1.0)


def role(name: str = "deployer", account: str = ACCOUNT) -> PrincipalRow:
    arn = f"arn:aws:iam::{account}:role/{name}"
    return PrincipalRow(account, name, f"AROA{account}{name}", arn, "role", ("{}",), (OTHER, user().arn), 2.0)


def key(number: int, holder: PrincipalRow) -> KeyRow:
    return KeyRow(f"AKIA{number}", holder.account, holder.name, f"sealed {number}", 1.0 + number)


def add(store: Reopening, *rows: PrincipalRow | KeyRow) -> None:
    for each in rows:
        if isinstance(each, KeyRow):
            store.commit(lambda transaction, each=each: transaction.principals.add_key(each))
        else:
            store.commit(lambda transaction, each=each: transaction.principals.add_principal(each))


def found(store: Reopening, name: str = "ann", account: str = ACCOUNT) -> PrincipalRow | None:
    row: PrincipalRow | None = store.read(store.reader.principals.principal(account, name))
    assert store.commit(lambda transaction: transaction.principals.principal(account, name)) == row
    return row


def test_a_principal_is_found_by_its_name_in_its_account_and_by_its_id(store: Reopening) -> None:
    add(store, user(), role())
    assert found(store) == user()
    assert found(store, "deployer") == role()
    assert found(store, account=OTHER) is None
    assert store.read(store.reader.principals.principal_of_id(role().id)) == role()
    assert store.read(store.reader.principals.principal_of_id("ann")) is None


def test_a_key_is_found_by_its_id_and_with_its_principal(store: Reopening) -> None:
    first, second, foreign = key(1, user()), key(2, user()), key(3, user(account=OTHER))
    add(store, user(), user(account=OTHER), first, second, foreign)
    assert store.read(store.reader.principals.access_key("AKIA2")) == second
    assert store.read(store.reader.principals.access_key("AKIA9")) is None
    assert store.read(store.reader.principals.keys_of(user())) == [first, second]
    assert store.read(store.reader.principals.keys_of(user(account=OTHER))) == [foreign]


def test_principals_are_listed_by_name_in_their_account(store: Reopening) -> None:
    add(store, user("b"), user("a"), user("c"), user("aa", OTHER))

    def names(after: str, rows_max: int) -> list[str]:
        return [row.name for row in store.read(store.reader.principals.principals(ACCOUNT, after, rows_max))]

    assert names("", 9) == ["a", "b", "c"]
    assert names("", 2) == ["a", "b"]
    assert names("b", 9) == ["c"]


def test_an_update_changes_what_one_may_do_and_who_is_trusted(store: Reopening) -> None:
    from msgspec.structs import replace

    add(store, role(), role("other"))
    changed = replace(role(), policies=("{1}",), trust=(ACCOUNT,), name="never", created_at=9.0)
    store.commit(lambda transaction: transaction.principals.update_principal(changed))
    assert found(store, "deployer") == replace(role(), policies=("{1}",), trust=(ACCOUNT,))
    assert found(store, "other") == role("other")


def test_a_principal_goes_with_its_keys_and_leaves_its_namesakes(store: Reopening) -> None:
    add(store, user(), user(account=OTHER), key(1, user()), key(2, user(account=OTHER)))
    store.commit(lambda transaction: transaction.principals.delete_principal(user()))
    assert found(store) is None
    assert store.read(store.reader.principals.access_key("AKIA1")) is None
    assert found(store, account=OTHER) is not None
    assert store.read(store.reader.principals.access_key("AKIA2")) is not None
    add(store, user(principal_id="AIDANEW"))
    assert store.read(store.reader.principals.keys_of(user())) == []
    assert store.read(store.reader.principals.principal_of_id(user().id)) is None


@pytest.mark.parametrize("again", [user(), user("bob", principal_id=user().id)])
def test_names_and_ids_are_given_once(store: Reopening, again: PrincipalRow) -> None:
    add(store, user())
    with pytest.raises(Exception, match=r"(?i)unique"):
        add(store, again)
