"""Named queries: SQL lives in files, and the statement that one reads there is the one that runs."""

import re
from importlib.resources import files
from typing import Literal

__all__ = ["Dialect", "load", "numbered"]

Dialect = Literal["sqlite", "postgres"]

NAME_LINE = "-- name: "
# What may hold a colon without being a parameter comes first: texts, comments, casts.
_PARAMETER = re.compile(r"'[^']*'|--[^\n]*|::|:([a-z_][a-z_0-9]*)(?=(::[a-z ]+\[\])?)")


def load(name: str, dialect: Dialect = "sqlite") -> dict[str, str]:
    """The queries of `sql/common/NAME.sql` and of the dialect's own `NAME.sql`, by name; one file may be missing.

    The files name parameters `:so`; for PostgreSQL they become `%(so)s`, as its driver has them; a list is sent in its binary
    form, `%(so)b`, which is many times cheaper to make.
    """
    queries: dict[str, str] = {}
    for folder in ("common", dialect):
        file = files("penstock.storage").joinpath("sql", folder, f"{name}.sql")
        if file.is_file():
            queries.update(split(file.read_text(encoding="utf-8")))
    if not queries:
        raise FileNotFoundError(f"no SQL file called {name}.sql")
    if dialect == "postgres":
        return {name: _with_percents(sql) for name, sql in queries.items()}
    return queries


def split(text: str) -> dict[str, str]:
    """The statements of one file: each begins at a line `-- name: that_is_its_name`."""
    blocks = ("\n" + text).split("\n" + NAME_LINE)[1:]
    named = (block.partition("\n") for block in blocks)
    return {name.strip(): sql.strip().rstrip(";") for name, _, sql in named}


def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement with `?1`, `?2` for its parameters, and their names in that order."""
    names: dict[str, int] = {}

    def placed(found: re.Match[str]) -> str:
        return f"?{names.setdefault(found[1], len(names) + 1)}" if found[1] else found[0]

    return _PARAMETER.sub(placed, sql), tuple(names)


def _with_percents(sql: str) -> str:
    doubled = sql.replace("%", "%%")
    return _PARAMETER.sub(_placed, doubled)


def _placed(found: re.Match[str]) -> str:
    if not found[1]:
        return found[0]
    return f"%({found[1]}){'b' if found[2] else 's'}"
