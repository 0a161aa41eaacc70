"""SQL as each database's driver takes it."""

import sqlite3

import pytest

from penstock.storage import queries
from penstock.storage.sqlite.statements import Statement


def test_parameters_are_numbered_in_the_order_in_which_they_first_come() -> None:
    sql = "UPDATE t SET a = :b, c = :a WHERE c = :a - 1 AND d = :b"
    assert queries.numbered(sql) == ("UPDATE t SET a = ?1, c = ?2 WHERE c = ?2 - 1 AND d = ?1", ("b", "a"))


def test_what_stands_in_texts_comments_and_casts_is_no_parameter() -> None:
    sql = "SELECT ':no', x::text -- of :nobody\nFROM t WHERE y = :yes"
    assert queries.numbered(sql) == (sql.replace(":yes", "?1"), ("yes",))


@pytest.mark.parametrize(
    ("sql", "values", "found"),
    [
        ("SELECT 1", {}, 1),
        ("SELECT :a", {"a": "x", "more": "y"}, "x"),
        ("SELECT :b || :a || :b", {"a": "a", "b": "b"}, "bab"),
    ],
)
def test_a_statement_takes_its_values_from_a_row_of_names(sql: str, values: dict[str, str], found: object) -> None:
    statement = Statement(sql)
    assert sqlite3.connect(":memory:").execute(statement.sql, statement.values(values)).fetchone() == (found,)


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        Statement("SELECT :a, :b").values({"a": 1})
