-- Principals apart from their keys: a role has none. The id is never given again, though the name may be.
CREATE TABLE principals (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    arn TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'role')),
    policies BLOB NOT NULL,
    trust BLOB NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX principals_by_id ON principals (id);

INSERT INTO principals (account, name, id, arn, kind, policies, trust, created_at)
SELECT account, name, 'AIDA' || substr(access_key_id, 5), arn, 'user', policies, CAST('[]' AS BLOB), created_at
FROM keys;

DROP INDEX keys_by_name;
ALTER TABLE keys DROP COLUMN arn;
ALTER TABLE keys DROP COLUMN policies;
CREATE INDEX keys_by_name ON keys (account, name);
