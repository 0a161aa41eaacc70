-- The embedded object store. Keys begin with the account: each account's buckets are a world of their own.

CREATE TABLE buckets (
    account TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    versioning TEXT COLLATE "C" NOT NULL DEFAULT '' CHECK (versioning IN ('', 'Enabled', 'Suspended')),
    PRIMARY KEY (account, name)
);

-- One row a version. The newest version of a key has the lowest rank, so that a scan of the key meets it first.
CREATE TABLE objects (
    account TEXT COLLATE "C" NOT NULL,
    bucket TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    rank BIGINT NOT NULL,
    version_id TEXT COLLATE "C" NOT NULL,
    is_latest BIGINT NOT NULL CHECK (is_latest IN (0, 1)),
    is_delete_marker BIGINT NOT NULL CHECK (is_delete_marker IN (0, 1)),
    last_modified DOUBLE PRECISION NOT NULL,
    size BIGINT NOT NULL,
    etag TEXT COLLATE "C" NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    metadata BYTEA NOT NULL,
    headers BYTEA NOT NULL,
    checksum_algorithm TEXT COLLATE "C" NOT NULL,
    checksum_value TEXT COLLATE "C" NOT NULL,
    checksum_kind TEXT COLLATE "C" NOT NULL CHECK (checksum_kind IN ('', 'FULL_OBJECT', 'COMPOSITE')),
    part_sizes BYTEA NOT NULL,
    upload_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, bucket, key, rank)
);
CREATE UNIQUE INDEX objects_by_version ON objects (account, bucket, key, version_id);

-- What a plain listing shows, so that versions and delete markers in between cost it nothing.
CREATE INDEX objects_current ON objects (account, bucket, key) WHERE is_latest = 1 AND is_delete_marker = 0;
CREATE INDEX objects_by_file ON objects (file) WHERE file <> '';

CREATE TABLE uploads (
    account TEXT COLLATE "C" NOT NULL,
    bucket TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    upload_id TEXT COLLATE "C" NOT NULL,
    initiated_at DOUBLE PRECISION NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    metadata BYTEA NOT NULL,
    headers BYTEA NOT NULL,
    checksum_algorithm TEXT COLLATE "C" NOT NULL,
    checksum_kind TEXT COLLATE "C" NOT NULL CHECK (checksum_kind IN ('FULL_OBJECT', 'COMPOSITE')),
    PRIMARY KEY (account, bucket, key, upload_id)
);

CREATE TABLE upload_parts (
    account TEXT COLLATE "C" NOT NULL,
    upload_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    size BIGINT NOT NULL,
    etag TEXT COLLATE "C" NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    last_modified DOUBLE PRECISION NOT NULL,
    checksum_algorithm TEXT COLLATE "C" NOT NULL,
    checksum_value TEXT COLLATE "C" NOT NULL,
    checksum_kind TEXT COLLATE "C" NOT NULL CHECK (checksum_kind IN ('', 'FULL_OBJECT', 'COMPOSITE')),
    PRIMARY KEY (account, upload_id, number)
);
CREATE INDEX upload_parts_by_file ON upload_parts (file);
