-- Every key begins with the account, so that the tables can be spread by it.

CREATE TABLE pipelines (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    head BLOB NOT NULL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX pipelines_by_name ON pipelines (account, region, name);

CREATE TABLE pipeline_versions (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    created_at REAL NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (account, pipeline_id, number)
) WITHOUT ROWID;

-- Long documents stand in tables with a row number, whose pages hold them whole; short rows are clustered by their key.
CREATE TABLE executions (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (
        status IN ('Cancelled', 'InProgress', 'Stopped', 'Stopping', 'Succeeded', 'Superseded', 'Failed')
    ),
    document BLOB NOT NULL
);
CREATE UNIQUE INDEX executions_by_number ON executions (account, pipeline_id, number);
CREATE UNIQUE INDEX executions_by_id ON executions (account, pipeline_id, id);
CREATE INDEX executions_open ON executions (account, pipeline_id, number) WHERE status IN ('InProgress', 'Stopping');

-- One row an attempt of an action; numbers count within the execution, so a listing is a walk of the key.
CREATE TABLE action_executions (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    execution_number INTEGER NOT NULL,
    number INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('InProgress', 'Abandoned', 'Succeeded', 'Failed')),
    input BLOB NOT NULL,
    run BLOB NOT NULL
);
CREATE UNIQUE INDEX action_executions_by_number ON action_executions (account, pipeline_id, execution_number, number);

CREATE TABLE events (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at REAL NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (account, pipeline_id, revision)
) WITHOUT ROWID;

-- A row of its own number keeps new jobs together; ended ones keep their row for late results, without their work.
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    action TEXT NOT NULL,
    run_id TEXT NOT NULL,
    type_key TEXT NOT NULL,
    query_key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (
        status IN ('Created', 'Queued', 'Dispatched', 'InProgress', 'TimedOut', 'Succeeded', 'Failed')
    ),
    nonce TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    visible_at REAL NOT NULL,
    claimant TEXT,
    lease TEXT,
    client_id TEXT,
    timeout_seconds INTEGER,
    created_at REAL NOT NULL,
    ended_at REAL,
    work BLOB
);
CREATE INDEX jobs_claimable ON jobs (type_key, query_key, visible_at, number) WHERE status IN ('Queued', 'Dispatched');
CREATE INDEX jobs_leased ON jobs (lease) WHERE lease IS NOT NULL;

CREATE TABLE timers (
    account TEXT NOT NULL,
    stamp TEXT NOT NULL,
    kind TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    due_at REAL NOT NULL,
    PRIMARY KEY (account, stamp, kind)
) WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE watches (
    account TEXT NOT NULL,
    bucket TEXT NOT NULL,
    object_key TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (account, bucket, object_key, pipeline_id, action)
) WITHOUT ROWID;

CREATE TABLE action_types (
    type_key TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    owner TEXT NOT NULL,
    category TEXT NOT NULL,
    provider TEXT NOT NULL,
    version TEXT NOT NULL,
    created_at REAL NOT NULL,
    deleted_at REAL,
    document BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE links (
    account TEXT NOT NULL,
    provider TEXT NOT NULL,
    version TEXT NOT NULL,
    client_id TEXT NOT NULL UNIQUE,
    token_hash BLOB NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (account, provider, version)
) WITHOUT ROWID;

CREATE TABLE keys (
    access_key_id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT NOT NULL,
    secret TEXT NOT NULL,
    policies BLOB NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;

CREATE UNIQUE INDEX keys_by_name ON keys (account, name);

CREATE TABLE tags (
    account TEXT NOT NULL,
    arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, arn, key)
) WITHOUT ROWID;

CREATE TABLE request_tokens (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    token TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    execution_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (account, pipeline_id, token)
) WITHOUT ROWID;

CREATE TABLE job_logs (
    account TEXT NOT NULL,
    run_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (account, run_id, number)
) WITHOUT ROWID;
