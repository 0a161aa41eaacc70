-- One row a run of a rule; numbers count within the execution, beside those of its actions.
CREATE TABLE rule_executions (
    account TEXT NOT NULL,
    pipeline_id TEXT NOT NULL,
    execution_number INTEGER NOT NULL,
    number INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    gate TEXT NOT NULL,
    rule TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('InProgress', 'Abandoned', 'Succeeded', 'Failed')),
    input BLOB NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (account, pipeline_id, execution_number, number)
) WITHOUT ROWID;
