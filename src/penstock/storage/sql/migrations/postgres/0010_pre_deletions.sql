-- Pipelines that were deleted, and have left a history that is still to go.
CREATE TABLE deleted_pipelines (
    account TEXT COLLATE "C" NOT NULL,
    pipeline_id TEXT COLLATE "C" NOT NULL,
    deleted_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, pipeline_id)
);
