-- name: oldest_executions
SELECT account, id,
    (
        SELECT document FROM executions
        WHERE executions.account = pipelines.account AND executions.pipeline_id = pipelines.id
        ORDER BY number LIMIT 1
    ),
    (
        SELECT 1 FROM request_tokens
        WHERE request_tokens.account = pipelines.account AND request_tokens.pipeline_id = pipelines.id
            AND request_tokens.created_at < :tokens_before
        LIMIT 1
    )
FROM pipelines
WHERE (account, id) > (:account, :pipeline_id)
ORDER BY account, id LIMIT :rows_max

-- name: executions_after
SELECT document FROM executions
WHERE account = :account AND pipeline_id = :pipeline_id AND number > :after
ORDER BY number LIMIT :rows_max

-- name: runs_to_forget
SELECT number, id FROM action_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number
ORDER BY number LIMIT :rows_max

-- name: rules_to_forget
SELECT number, run FROM rule_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number
ORDER BY number LIMIT :rows_max

-- name: forget_runs
DELETE FROM action_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number AND number <= :last

-- name: forget_rules
DELETE FROM rule_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number AND number <= :last

-- name: forget_execution
DELETE FROM executions
WHERE account = :account AND pipeline_id = :pipeline_id AND number = :execution_number

-- name: deleted_pipelines
SELECT account, pipeline_id FROM deleted_pipelines ORDER BY account, pipeline_id LIMIT :rows_max

-- name: deletion
SELECT deleted_at FROM deleted_pipelines WHERE account = :account AND pipeline_id = :pipeline_id

-- name: execution_numbers
SELECT number FROM executions WHERE account = :account AND pipeline_id = :pipeline_id ORDER BY number LIMIT :rows_max

-- name: version_numbers
SELECT number FROM pipeline_versions WHERE account = :account AND pipeline_id = :pipeline_id ORDER BY number LIMIT :rows_max

-- name: forget_versions
DELETE FROM pipeline_versions WHERE account = :account AND pipeline_id = :pipeline_id AND number <= :last

-- name: forget_deletion
DELETE FROM deleted_pipelines WHERE account = :account AND pipeline_id = :pipeline_id
