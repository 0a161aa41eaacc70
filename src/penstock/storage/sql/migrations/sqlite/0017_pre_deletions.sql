-- Pipelines that were deleted, and have left a history that is still to go.
CREATE TABLE deleted_pipelines (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    deleted_at REAL NOT NULL,
    PRIMARY KEY (account, pipeline_id)
) WITHOUT ROWID;
