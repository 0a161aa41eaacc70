-- Every primary key begins with the account, so that the tables can be spread by it; the few that do not are small and the
-- same for all accounts. Texts compare by their bytes (COLLATE "C"), so that a listing has one order in every database.
-- Documents are the bytes that were made of them: their free text may hold what a text column refuses.
--
-- Of each table, one index alone fits a question that names one row. While a table is nearly empty the planner holds all indexes
-- for equally good, and the plan that it makes then stays: so a second index begins with another column, and has no more than it
-- needs.

-- Written with every batch of commands. Half of each page stays free, so that a new version of a row finds room beside the
-- old one and no index need hear of it.
CREATE TABLE pipelines (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    -- How often documents of its versions were written anew. Versions are kept decoded by it.
    versions_rewritten BIGINT NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    head BYTEA NOT NULL,
    PRIMARY KEY (account, id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE UNIQUE INDEX pipelines_by_name ON pipelines (account, region, name);

CREATE TABLE pipeline_versions (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    document BYTEA NOT NULL,
    PRIMARY KEY (account, pipeline_id, number)
);

-- While an execution is open its document changes with every step, and no index with it.
CREATE TABLE executions (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (
        status IN ('Cancelled', 'InProgress', 'Stopped', 'Stopping', 'Succeeded', 'Superseded', 'Failed')
    ),
    document BYTEA NOT NULL,
    PRIMARY KEY (account, pipeline_id, number)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX executions_by_id ON executions (id);
CREATE INDEX executions_open ON executions (account, pipeline_id, number) WHERE status IN ('InProgress', 'Stopping');

-- One row an attempt of an action, written when it begins and again when it ends. Numbers count within the execution.
CREATE TABLE action_executions (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    execution_number BIGINT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('InProgress', 'Abandoned', 'Succeeded', 'Failed')),
    input BYTEA NOT NULL,
    run BYTEA NOT NULL,
    PRIMARY KEY (account, pipeline_id, execution_number, number)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX action_executions_by_id ON action_executions (id);

CREATE TABLE rule_executions (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    execution_number BIGINT NOT NULL,
    number BIGINT NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    gate TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('InProgress', 'Abandoned', 'Succeeded', 'Failed')),
    input BYTEA NOT NULL,
    run BYTEA NOT NULL,
    PRIMARY KEY (account, pipeline_id, execution_number, number)
) WITH (fillfactor = 80);

-- Each status that a job goes through is another place in the index of what is claimable, so every change of a row leaves a
-- dead entry in it. Few are open at a time and many have ended: a share of the table would be far too late for cleaning up.
CREATE TABLE jobs (
    account TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    type_key TEXT COLLATE "C" NOT NULL,
    query_key TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL CHECK (
        status IN ('Created', 'Queued', 'Dispatched', 'InProgress', 'TimedOut', 'Succeeded', 'Failed')
    ),
    status_at DOUBLE PRECISION,
    nonce TEXT COLLATE "C",
    attempt BIGINT NOT NULL DEFAULT 0,
    visible_at DOUBLE PRECISION NOT NULL,
    claimant TEXT COLLATE "C",
    lease TEXT COLLATE "C",
    client_id TEXT COLLATE "C",
    timeout_seconds BIGINT,
    created_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION,
    work BYTEA,
    PRIMARY KEY (account, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.05);
-- A worker names its job and not whose it is.
CREATE INDEX jobs_by_id ON jobs (id);
CREATE INDEX jobs_claimable ON jobs (type_key, query_key, visible_at) WHERE status IN ('Queued', 'Dispatched');
CREATE INDEX jobs_leased ON jobs (lease) WHERE lease IS NOT NULL;

-- A timer that a server is about to fire is out of the others' sight until `visible_at`. Rows come and go.
CREATE TABLE timers (
    account TEXT COLLATE "C" NOT NULL,
    stamp TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    due_at DOUBLE PRECISION NOT NULL,
    visible_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, stamp, kind)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX timers_visible ON timers (visible_at, due_at);

CREATE TABLE watches (
    account TEXT COLLATE "C" NOT NULL,
    bucket TEXT COLLATE "C" NOT NULL,
    object_key TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, bucket, object_key, pipeline_id, action)
);

CREATE TABLE request_tokens (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, pipeline_id, token)
);

-- What source actions were told of last, so that being told again starts nothing.
CREATE TABLE source_revisions (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    change_id TEXT COLLATE "C" NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    told_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, pipeline_id, stage, action)
);

CREATE TABLE job_logs (
    account TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, run_id, number)
);

-- How many transactions each running server has committed. Whose connection is lost within a COMMIT finds here whether it
-- took effect. One row a server, written with every transaction: a page of its own, nearly empty, holds the versions.
CREATE TABLE committed (
    server TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
