"""Fills a database with history in bulk, in rows as the server itself has written them.

One pipeline that has run once is the pattern. Its rows are written again and again under other ids and names; what stands in
their documents is taken apart and put together as the server's own adapters do it. All pipelines are in one region, more than
may be made there: so a listing and an index meet all of them.
"""

import os
import re
import sqlite3
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from penstock.server.clock import UuidIds
from penstock.storage.rows import decode_execution, decode_head, encode

REGION = "us-east-1"
CHUNK = 5000
HISTORY = ("executions", "action_executions", "jobs")
# The number of an execution in documents that are to be filled, and the column that it is in beside them.
NUMBER = "987654321"
NUMBERS = {"executions": "number", "action_executions": "execution_number"}
WAITING = "Waiting"

Row = tuple[Any, ...]


class Size(Struct, frozen=True):
    pipelines: int
    executions: int
    waiting_jobs: int = 0


def name_of(number: int) -> str:
    return f"plain{number:06}"


class Sqlite:
    """A file that no server has open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("BEGIN")

    def rows(self, table: str, where: str) -> tuple[list[str], list[Row]]:
        found = self._connection.execute(f"SELECT * FROM {table} WHERE {where}")
        return [column[0] for column in found.description], found.fetchall()

    def run(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)

    def add(self, table: str, rows: list[list[Any]]) -> None:
        self._connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)

    def close(self) -> None:
        self._connection.execute("COMMIT")
        self._connection.close()
        # Or the first commit of a server would wait for all of it to be on disk.
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())


class Postgres:
    def __init__(self, url: str) -> None:
        import psycopg

        self._connection = psycopg.connect(url)
        self._connection.execute("SET synchronous_commit = off")

    def rows(self, table: str, where: str) -> tuple[list[str], list[Row]]:
        found = self._connection.execute(f"SELECT * FROM {table} WHERE {where}")  # type: ignore[arg-type]
        return [column.name for column in found.description or ()], found.fetchall()

    def run(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement.replace("?", "%s"), values)  # type: ignore[arg-type]

    def add(self, table: str, rows: list[list[Any]]) -> None:
        with self._connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:  # type: ignore[arg-type]
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        self._connection.commit()
        self._connection.autocommit = True
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.close()


Database = Sqlite | Postgres


class Pattern:
    """A row with gaps where it says what `said` says; `filled` puts other words there."""

    def __init__(self, row: Row, said: list[str]) -> None:
        self._row = list(row)
        self._places = {word: place for place, word in enumerate(said)}
        self._split = re.compile("(" + "|".join(map(re.escape, said)) + ")").split
        gaps = [(column, self._parts(value)) for column, value in enumerate(row) if isinstance(value, str | bytes)]
        self._gaps = [(column, parts) for column, parts in gaps if len(parts) > 1]

    def _parts(self, value: str | bytes) -> list[str | int]:
        """Texts, and between them the places of words."""
        pieces = self._split(value if isinstance(value, str) else value.decode())
        return [self._places[piece] if odd % 2 else piece for odd, piece in enumerate(pieces)]

    def filled(self, words: list[str]) -> list[Any]:
        row = self._row.copy()
        for column, parts in self._gaps:
            text = "".join([words[part] if isinstance(part, int) else part for part in parts])
            row[column] = text.encode() if isinstance(row[column], bytes) else text
        return row


class Copy(Struct):
    """A pipeline to be written, and the id of its newest execution."""

    id: str
    name: str
    newest: str
    executions: int


class Filling:
    """Copies of the pipeline `name`, which has run once."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._ids = UuidIds()
        columns, (row,) = database.rows("pipelines", f"name = '{name}' AND region = '{REGION}'")
        self._columns, self._rows = {"pipelines": columns}, {"pipelines": [row]}
        self._own = dict(zip(columns, row, strict=True))
        for table in ("pipeline_versions", *HISTORY):
            found = database.rows(table, f"pipeline_id = '{self._own['id']}'")
            self._columns[table], self._rows[table] = found
        fresh = [*self._column("action_executions", "id"), *self._column("jobs", "id")]
        self._fresh = len(fresh)
        # In the order of the words that a row is filled with.
        self._said = [self._own["id"], name, *self._column("executions", "id"), NUMBER, *fresh]
        self._history = {table: [Pattern(row, self._said) for row in self._numbered(table)] for table in HISTORY}
        self._job_number = last_job(database, self._columns["jobs"])

    def _column(self, table: str, column: str) -> list[str]:
        place = self._columns[table].index(column)
        return [row[place] for row in self._rows[table]]

    def _changed(self, table: str, row: Row, **values: Any) -> Row:
        return tuple({**dict(zip(self._columns[table], row, strict=True)), **values}.values())

    def _numbered(self, table: str) -> list[Row]:
        """The rows of the pattern's execution, its number replaced by one that can be found."""
        rows = self._rows[table]
        if table != "executions":
            return rows
        (document,) = self._column("executions", "document")
        numbered = replace(decode_execution(document), number=int(NUMBER))  # type: ignore[arg-type]
        return [self._changed(table, rows[0], document=encode(numbered))]

    def add_pipelines(self, first: int, executions: list[int]) -> None:
        """Pipelines from that number on, each with so many executions; what is older is written first."""
        new = self._ids.new
        copies = [Copy(new(), name_of(at), new(), count) for at, count in enumerate(executions, first)]
        (row,), (version,) = self._rows["pipelines"], self._rows["pipeline_versions"]
        heads = {
            count: Pattern(self._changed("pipelines", row, head=self._head(count)), self._said)
            for count in set(executions)
        }
        self._add("pipelines", [heads[each.executions].filled(self._words(each, each.newest, 0)) for each in copies])
        declared = Pattern(version, self._said)
        self._add("pipeline_versions", [declared.filled(self._words(each, "", 0)) for each in copies])
        for number in range(1, max(executions) + 1):
            going = [each for each in copies if each.executions >= number]
            self._add_executions([(each, number) for each in going])

    def add_history(self, executions: int) -> None:
        """So many more executions of the pattern itself; those that it begins from now on come after them."""
        own = Copy(self._own["id"], self._own["name"], "", 0)
        self._add_executions([(own, number) for number in range(2, executions + 2)])
        document = self._head(executions + 1)
        self._database.run("UPDATE pipelines SET head = ? WHERE id = ?", document, self._own["id"])

    def _head(self, executions: int) -> bytes:
        return encode(replace(decode_head(self._own["head"]), executions_started=executions))

    def _words(self, copy: Copy, execution_id: str, number: int) -> list[str]:
        return [
            copy.id,
            copy.name,
            execution_id,
            str(number),
            *(self._ids.new() for _ in range(self._fresh)),
        ]

    def _add_executions(self, wanted: list[tuple[Copy, int]]) -> None:
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            said = [
                self._words(copy, copy.newest if number == copy.executions else self._ids.new(), number)
                for copy, number in chunk
            ]
            for table in HISTORY:
                rows = [(pattern.filled(words), words[3]) for words in said for pattern in self._history[table]]
                column = NUMBERS.get(table)
                if column:
                    place = self._columns[table].index(column)
                    for row, number in rows:
                        row[place] = int(number)
                self._add(table, [row for row, _ in rows])

    def _add(self, table: str, rows: list[list[Any]]) -> None:
        if table == "jobs" and self._job_number is not None:
            place = self._columns["jobs"].index("number")
            for row in rows:
                self._job_number += 1
                row[place] = self._job_number
        self._database.add(table, rows)


def last_job(database: Database, columns: list[str]) -> int | None:
    """The last number of a job; None where they have none."""
    if "number" not in columns:
        return None
    _, ((last,),) = database.rows("(SELECT max(number) FROM jobs) AS jobs", "1 = 1")
    return int(last)


def add_waiting(database: Database, provider: str, jobs: int) -> None:
    """So many more jobs like the one of that provider's that waits."""
    columns, (row, *_) = database.rows("jobs", f"type_key LIKE '%/{provider}/%' AND status = 'Queued'")
    ids, last = UuidIds(), last_job(database, columns)
    for start in range(0, jobs, CHUNK):
        rows = []
        for each in range(start, min(start + CHUNK, jobs)):
            fresh: dict[str, Any] = {"id": ids.new(), "run_id": ids.new(), "execution_id": ids.new()}
            if last is not None:
                fresh["number"] = last + each + 1
            rows.append(list({**dict(zip(columns, row, strict=True)), **fresh}.values()))
        database.add("jobs", rows)


def fill(database: Database, size: Size, hot: list[str], first: int) -> None:
    """Bring the database to that size, beside the `hot` pipelines, which are there and have a quarter of the executions.

    Copies are made of plain pipelines, from number `first` on.
    """
    of_hot = size.executions // 4 // len(hot)
    pipelines = size.pipelines - first - len(hot)
    each, more = divmod(size.executions - of_hot * len(hot), pipelines)
    Filling(database, name_of(0)).add_pipelines(first, [each + (at < more) for at in range(pipelines)])
    for name in hot:
        Filling(database, name).add_history(of_hot)
