"""What a server has at rest, whichever database it has."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from serving import Server


def execution(server: Server, execution_id: str) -> dict[str, Any]:
    """An execution as it is in the database."""
    (document,) = _one(server, "SELECT document FROM executions WHERE id = ", execution_id)
    found: dict[str, Any] = document if isinstance(document, dict) else json.loads(document)
    return found


def places_of(server: Server, text: str) -> list[str]:
    """The files and tables that hold the text: those of the data directory, of the database and of the logs."""
    files = [path for path in server.data_dir.rglob("*") if path.is_file()] + [server.log_path]
    if not server.database_url:
        assert any(path.name.endswith("-wal") for path in files)
        return _holding(files, text)
    tables, of_database = _postgres(server.database_url, text)
    assert of_database
    return tables + _holding(files + of_database, text)


def _holding(files: list[Path], text: str) -> list[str]:
    return [str(path) for path in files if text.encode() in path.read_bytes()]


def _one(server: Server, sql: str, value: str) -> Any:
    if not server.database_url:
        path = f"file:{server.data_dir / 'penstock.db'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True)) as database:
            return database.execute(f"{sql} ?", (value,)).fetchone()
    import psycopg

    with psycopg.connect(server.database_url, autocommit=True) as connection:
        return connection.execute(f"{sql} %s".encode(), (value,)).fetchone()


def _postgres(url: str, text: str) -> tuple[list[str], list[Path]]:
    """The tables that hold the text, and the files of the cluster: long values are compressed in those."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        ((folder, database),) = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ).fetchall()
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        # Bytes are shown in hexadecimal digits.
        sql = 'SELECT 1 FROM "{}" AS it WHERE it::text LIKE %s OR it::text LIKE %s LIMIT 1'
        sought = (f"%{text}%", f"%{text.encode().hex()}%")
        tables = [name for (name,) in names if connection.execute(sql.format(name).encode(), sought).fetchone()]
    cluster = Path(folder)
    files = [*(cluster / "base" / str(database)).iterdir(), *(cluster / "pg_wal").iterdir(), cluster.parent / "log"]
    return tables, [path for path in files if path.is_file()]
