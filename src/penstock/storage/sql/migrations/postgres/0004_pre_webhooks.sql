-- What comes in from git hosts. Tokens and secrets are sealed; the hash of a token finds its row.

CREATE TABLE webhooks (
    account TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    definition BYTEA NOT NULL,
    secret TEXT COLLATE "C",
    created_at DOUBLE PRECISION NOT NULL,
    registration TEXT COLLATE "C",
    last_triggered DOUBLE PRECISION,
    error_code TEXT COLLATE "C",
    error_message TEXT COLLATE "C",
    PRIMARY KEY (account, region, name)
);
CREATE INDEX webhooks_by_token ON webhooks (token_hash);

CREATE TABLE connections (
    account TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    arn TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL CHECK (provider IN ('GitHub', 'GitLab', 'Bitbucket')),
    token TEXT COLLATE "C" NOT NULL,
    token_hash BYTEA NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, connection)
);
CREATE INDEX connections_by_token ON connections (token_hash);

-- Which source actions a repository's events may concern.
CREATE TABLE repository_sources (
    account TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    repository TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    document BYTEA NOT NULL,
    PRIMARY KEY (account, connection, repository, pipeline_id, action)
);
CREATE INDEX repository_sources_of_pipeline ON repository_sources (account, pipeline_id);

CREATE TABLE webhook_deliveries (
    account TEXT COLLATE "C" NOT NULL,
    hook_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    sender TEXT COLLATE "C" NOT NULL,
    delivery_id TEXT COLLATE "C",
    event TEXT COLLATE "C",
    verdict TEXT COLLATE "C" NOT NULL CHECK (verdict IN ('Started', 'Ignored', 'Refused', 'Failed')),
    reason TEXT COLLATE "C",
    outcomes BYTEA NOT NULL,
    PRIMARY KEY (account, hook_id, number)
);
