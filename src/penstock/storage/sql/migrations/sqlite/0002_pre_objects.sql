-- The embedded object store. Keys begin with the account: each account's buckets are a world of their own.

CREATE TABLE buckets (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    region TEXT NOT NULL,
    created_at REAL NOT NULL,
    versioning TEXT NOT NULL DEFAULT '' CHECK (versioning IN ('', 'Enabled', 'Suspended')),
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

-- One row a version. The newest version of a key has the lowest rank, so that a scan of the key meets it first.
CREATE TABLE objects (
    account TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    rank INTEGER NOT NULL,
    version_id TEXT NOT NULL,
    is_latest INTEGER NOT NULL CHECK (is_latest IN (0, 1)),
    is_delete_marker INTEGER NOT NULL CHECK (is_delete_marker IN (0, 1)),
    last_modified REAL NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    file TEXT NOT NULL,
    content_type TEXT NOT NULL,
    metadata BLOB NOT NULL,
    headers BLOB NOT NULL,
    checksum_algorithm TEXT NOT NULL,
    checksum_value TEXT NOT NULL,
    checksum_kind TEXT NOT NULL CHECK (checksum_kind IN ('', 'FULL_OBJECT', 'COMPOSITE')),
    part_sizes BLOB NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (account, bucket, key, rank)
) WITHOUT ROWID;

CREATE UNIQUE INDEX objects_by_version ON objects (account, bucket, key, version_id);

-- What a plain listing shows, so that versions and delete markers in between cost it nothing.
CREATE INDEX objects_current ON objects (account, bucket, key) WHERE is_latest = 1 AND is_delete_marker = 0;

CREATE INDEX objects_by_file ON objects (file) WHERE file <> '';

CREATE TABLE uploads (
    account TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    initiated_at REAL NOT NULL,
    content_type TEXT NOT NULL,
    metadata BLOB NOT NULL,
    headers BLOB NOT NULL,
    checksum_algorithm TEXT NOT NULL,
    checksum_kind TEXT NOT NULL CHECK (checksum_kind IN ('FULL_OBJECT', 'COMPOSITE')),
    PRIMARY KEY (account, bucket, key, upload_id)
) WITHOUT ROWID;

CREATE TABLE upload_parts (
    account TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    file TEXT NOT NULL,
    last_modified REAL NOT NULL,
    checksum_algorithm TEXT NOT NULL,
    checksum_value TEXT NOT NULL,
    checksum_kind TEXT NOT NULL CHECK (checksum_kind IN ('', 'FULL_OBJECT', 'COMPOSITE')),
    PRIMARY KEY (account, upload_id, number)
) WITHOUT ROWID;

CREATE INDEX upload_parts_by_file ON upload_parts (file);
