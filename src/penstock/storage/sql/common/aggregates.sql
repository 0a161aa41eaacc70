-- name: load_pipeline
SELECT revision, head FROM pipelines WHERE account = :account AND id = :pipeline_id

-- name: load_open_executions
SELECT document FROM executions
WHERE account = :account AND pipeline_id = :pipeline_id AND status IN ('InProgress', 'Stopping')
ORDER BY number

-- name: load_version
SELECT document FROM pipeline_versions
WHERE account = :account AND pipeline_id = :pipeline_id AND number = :number

-- name: load_client
SELECT client_id FROM links WHERE account = :account AND provider = :provider AND version = :version

-- name: write_head
UPDATE pipelines SET head = :head, revision = :revision
WHERE account = :account AND id = :pipeline_id AND revision = :revision - 1

-- name: insert_execution
INSERT INTO executions (account, pipeline_id, number, id, status, document)
VALUES (:account, :pipeline_id, :number, :id, :status, :document)

-- name: update_execution
UPDATE executions SET document = :document
WHERE account = :account AND pipeline_id = :pipeline_id AND number = :number AND status = :status

-- name: update_execution_status
UPDATE executions SET status = :status, document = :document
WHERE account = :account AND pipeline_id = :pipeline_id AND number = :number AND status = :status_before

-- name: insert_run
INSERT INTO action_executions
    (account, pipeline_id, execution_number, number, id, execution_id, version, stage, action, status, input, run)
VALUES
    (:account, :pipeline_id, :execution_number, :number, :id, :execution_id, :version, :stage, :action, :status, :input,
     :run)

-- name: update_run
UPDATE action_executions SET status = :status, run = :run
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number AND number = :number

-- name: insert_rule
INSERT INTO rule_executions
    (account, pipeline_id, execution_number, number, execution_id, version, stage, gate, rule, status, input, run)
VALUES
    (:account, :pipeline_id, :execution_number, :number, :execution_id, :version, :stage, :gate, :rule, :status, :input,
     :run)

-- name: update_rule
UPDATE rule_executions SET status = :status, run = :run
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number AND number = :number

-- name: set_timer
INSERT INTO timers (account, stamp, kind, pipeline_id, due_at)
VALUES (:account, :stamp, :kind, :pipeline_id, :due_at)
ON CONFLICT (account, stamp, kind) DO UPDATE SET due_at = excluded.due_at

-- name: clear_timer
DELETE FROM timers WHERE account = :account AND stamp = :stamp AND kind = :kind
