-- Pipelines and their versions are long rows: clustered by their keys, only four fit on an inner page of the tree, and a large
-- tree was eight pages deep. With a row number for each it is three deep, and so are the indexes.

ALTER TABLE pipelines RENAME TO pipelines_before;
DROP INDEX pipelines_by_name;
CREATE TABLE pipelines (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    head BLOB NOT NULL
);
INSERT INTO pipelines (account, region, name, id, version, revision, created_at, updated_at, head)
SELECT account, region, name, id, version, revision, created_at, updated_at, head FROM pipelines_before
ORDER BY account, id;
DROP TABLE pipelines_before;
CREATE UNIQUE INDEX pipelines_by_id ON pipelines (account, id);
CREATE UNIQUE INDEX pipelines_by_name ON pipelines (account, region, name);

ALTER TABLE pipeline_versions RENAME TO pipeline_versions_before;
CREATE TABLE pipeline_versions (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    created_at REAL NOT NULL,
    document BLOB NOT NULL
);
INSERT INTO pipeline_versions (account, pipeline_id, number, created_at, document)
SELECT account, pipeline_id, number, created_at, document FROM pipeline_versions_before
ORDER BY account, pipeline_id, number;
DROP TABLE pipeline_versions_before;
CREATE UNIQUE INDEX pipeline_versions_by_number ON pipeline_versions (account, pipeline_id, number);
