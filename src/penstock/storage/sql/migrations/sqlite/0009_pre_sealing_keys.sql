-- The keys that have sealed what is in this database, by their ids; the keys themselves lie elsewhere.
CREATE TABLE sealing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    since REAL NOT NULL,
    unused_since REAL
) WITHOUT ROWID;

-- Sealed secrets of the server's own.
CREATE TABLE server_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL
) WITHOUT ROWID;
