-- What source actions were told of last, so that being told again starts nothing.
CREATE TABLE source_revisions (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    action TEXT NOT NULL,
    change_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    told_at REAL NOT NULL,
    PRIMARY KEY (account, pipeline_id, stage, action)
) WITHOUT ROWID;

-- An attempt is found by its id alone, without its pipeline.
ALTER TABLE action_executions ADD COLUMN id TEXT;
UPDATE action_executions SET id = json_extract(CAST(run AS TEXT), '$.id');
CREATE INDEX action_executions_by_id ON action_executions (account, id);
