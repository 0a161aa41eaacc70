"""Named queries: SQL lives in files, and the statement that one reads there is the one that runs."""

from importlib.resources import files

__all__ = ["load"]

NAME_LINE = "-- name: "


def load(name: str, dialect: str = "sqlite") -> dict[str, str]:
    """The queries of `sql/common/NAME.sql` and of the dialect's own `NAME.sql`, by name; one file may be missing."""
    queries: dict[str, str] = {}
    for folder in ("common", dialect):
        file = files("penstock.storage").joinpath("sql", folder, f"{name}.sql")
        if file.is_file():
            queries.update(split(file.read_text(encoding="utf-8")))
    if not queries:
        raise FileNotFoundError(f"no SQL file called {name}.sql")
    return queries


def split(text: str) -> dict[str, str]:
    """The statements of one file: each begins at a line `-- name: that_is_its_name`."""
    blocks = ("\n" + text).split("\n" + NAME_LINE)[1:]
    named = (block.partition("\n") for block in blocks)
    return {name.strip(): sql.strip().rstrip(";") for name, _, sql in named}
