-- What comes in from git hosts. Tokens and secrets are sealed; the hash of a token finds its row.

CREATE TABLE webhooks (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    token TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    definition BLOB NOT NULL,
    secret TEXT,
    created_at REAL NOT NULL,
    registration TEXT,
    last_triggered REAL,
    error_code TEXT,
    error_message TEXT,
    PRIMARY KEY (account, region, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX webhooks_by_token ON webhooks (token_hash);

CREATE TABLE connections (
    account TEXT NOT NULL,
    connection TEXT NOT NULL,
    arn TEXT NOT NULL,
    id TEXT NOT NULL,
    provider TEXT NOT NULL CHECK (provider IN ('GitHub', 'GitLab', 'Bitbucket')),
    token TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    secret TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (account, connection)
) WITHOUT ROWID;
CREATE UNIQUE INDEX connections_by_token ON connections (token_hash);

-- Which source actions a repository's events may concern.
CREATE TABLE repository_sources (
    account TEXT NOT NULL,
    connection TEXT NOT NULL,
    repository TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    action TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (account, connection, repository, pipeline_id, action)
) WITHOUT ROWID;
CREATE INDEX repository_sources_of_pipeline ON repository_sources (account, pipeline_id);

-- Pipelines that were made before this table was have no triggers, since those were refused.
INSERT INTO repository_sources (account, connection, repository, pipeline_id, action, document)
SELECT
    account,
    replace(arn, ':codeconnections:', ':codestar-connections:'),
    lower(repository),
    pipeline_id,
    action,
    CAST(
        json_object(
            'action', action, 'connection_arn', arn, 'repository', repository, 'branch', branch,
            'detects_changes', json(CASE WHEN lower(coalesce(detects, 'true')) = 'false' THEN 'false' ELSE 'true' END)
        ) AS BLOB
    )
FROM (
    SELECT
        pipelines.account AS account,
        pipelines.id AS pipeline_id,
        json_extract(source.value, '$.name') AS action,
        json_extract(source.value, '$.configuration.ConnectionArn') AS arn,
        json_extract(source.value, '$.configuration.FullRepositoryId') AS repository,
        json_extract(source.value, '$.configuration.BranchName') AS branch,
        json_extract(source.value, '$.configuration.DetectChanges') AS detects
    FROM pipelines
    JOIN pipeline_versions
        ON pipeline_versions.account = pipelines.account
        AND pipeline_versions.pipeline_id = pipelines.id
        AND pipeline_versions.number = pipelines.version
    JOIN json_each(CAST(pipeline_versions.document AS TEXT), '$.declaration.stages[0].actions') AS source
    WHERE json_extract(source.value, '$.actionTypeId.provider') = 'CodeStarSourceConnection'
        AND json_extract(source.value, '$.actionTypeId.owner') = 'AWS'
)
WHERE arn IS NOT NULL AND repository IS NOT NULL AND branch IS NOT NULL;

CREATE TABLE webhook_deliveries (
    account TEXT NOT NULL,
    hook_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    sender TEXT NOT NULL,
    delivery_id TEXT,
    event TEXT,
    verdict TEXT NOT NULL CHECK (verdict IN ('Started', 'Ignored', 'Refused', 'Failed')),
    reason TEXT,
    outcomes BLOB NOT NULL,
    PRIMARY KEY (account, hook_id, number)
) WITHOUT ROWID;
