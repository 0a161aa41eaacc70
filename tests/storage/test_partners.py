"""Links to partners, and the tokens of their clients."""

import sqlite3
from importlib.resources import files

from penstock.ports.partners import ClientToken, Link
from penstock.storage.migrate import migrate_sqlite
from storage.conftest import Reopening
from storage.samples import ACCOUNT

OLD, NEW = ClientToken(b"old", 1.0, 9.0), ClientToken(b"new", 1.0)


def link(provider: str = "P", version: str = "1", account: str = ACCOUNT, *, client: str = "client-1") -> Link:
    return Link(account, provider, version, client, 1.0, (OLD, NEW))


def put(store: Reopening, *links: Link) -> None:
    for each in links:
        store.commit(lambda transaction, each=each: transaction.partners.put_link(each))


def test_a_link_is_found_by_its_place_and_by_its_client_with_its_tokens_in_order(store: Reopening) -> None:
    put(store, link())
    store.reopen()
    assert store.read(store.reader.partners.link(ACCOUNT, "P", "1")) == link()
    assert store.read(store.reader.partners.client("client-1")) == link()
    assert store.commit(lambda transaction: transaction.partners.link(ACCOUNT, "P", "1")) == link()
    assert store.read(store.reader.partners.link(ACCOUNT, "P", "2")) is None
    assert store.read(store.reader.partners.client("client-2")) is None


def test_a_link_that_is_put_again_keeps_its_client_and_its_date_and_has_the_tokens_given(store: Reopening) -> None:
    again = Link(ACCOUNT, "P", "1", "client-2", 2.0, (ClientToken(b"other", 2.0),))
    put(store, link(), again)
    expected = Link(ACCOUNT, "P", "1", "client-1", 1.0, again.tokens)
    assert store.read(store.reader.partners.client("client-1")) == expected
    assert store.read(store.reader.partners.client("client-2")) is None
    put(store, Link(ACCOUNT, "P", "1", "client-1", 1.0))
    assert store.read(store.reader.partners.client("client-1")) == Link(ACCOUNT, "P", "1", "client-1", 1.0)


def test_an_accounts_links_are_listed_behind_a_place(store: Reopening) -> None:
    links = [link(p, v, client=f"c-{p}-{v}") for p, v in (("A", "1"), ("A", "2"), ("B", "1"))]
    put(store, *reversed(links), link("A", "1", "999999999999", client="theirs"))
    assert store.read(store.reader.partners.links(ACCOUNT, ("", ""), 9)) == links
    assert store.read(store.reader.partners.links(ACCOUNT, ("A", "1"), 1)) == [links[1]]
    assert store.read(store.reader.partners.links(ACCOUNT, ("B", "1"), 9)) == []


def test_tokens_of_a_database_from_before_are_kept_and_their_old_place_is_emptied() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    folder = files("penstock.storage").joinpath("sql", "migrations", "sqlite")
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name < "0007":
            database.executescript(file.read_text(encoding="utf-8"))
            database.execute("INSERT INTO migrations VALUES (?, ?)", (int(file.name[:4]), file.name))
    database.execute("INSERT INTO links VALUES (?, 'P', '1', 'client-1', x'6f6e65', 1.0)", (ACCOUNT,))
    migrate_sqlite(database)
    assert database.execute("SELECT * FROM client_tokens").fetchall() == [("client-1", 1, b"one", 1.0, None)]
    assert database.execute("SELECT token_hash FROM links").fetchall() == [(b"",)]
