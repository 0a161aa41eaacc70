-- name: pipeline
SELECT id, account, region, name, version, created_at, updated_at FROM pipelines
WHERE account = :account AND region = :region AND name = :name

-- name: standing
SELECT pipelines.id, pipelines.account, region, name, pipelines.version, pipelines.created_at, updated_at, head, document
FROM pipelines
JOIN pipeline_versions ON pipeline_versions.account = pipelines.account AND pipeline_versions.pipeline_id = pipelines.id
    AND pipeline_versions.number = pipelines.version
WHERE pipelines.account = :account AND region = :region AND name = :name

-- name: pipelines
-- The whole declaration is read only where the row does not tell what it says.
SELECT id, account, region, name, version, created_at, updated_at,
    CASE WHEN listed_version = version THEN listed ELSE (
        SELECT document FROM pipeline_versions
        WHERE pipeline_versions.account = pipelines.account AND pipeline_versions.pipeline_id = pipelines.id
            AND pipeline_versions.number = pipelines.version
    ) END
FROM pipelines
WHERE account = :account AND region = :region AND name > :after
ORDER BY name LIMIT :rows_max

-- name: has_pipeline
SELECT 1 FROM pipelines WHERE account = :account AND id = :pipeline_id

-- name: pipeline_count
SELECT count(*) FROM pipelines WHERE account = :account AND region = :region

-- name: insert_pipeline
INSERT INTO pipelines (account, region, name, id, version, revision, created_at, updated_at, head)
VALUES (:account, :region, :name, :id, :version, 0, :created_at, :updated_at, :head)

-- name: insert_version
INSERT INTO pipeline_versions (account, pipeline_id, number, created_at, document)
VALUES (:account, :pipeline_id, :number, :created_at, :document)

-- name: update_version
UPDATE pipelines SET version = :version, updated_at = :updated_at, listed_version = :version,
    listed = :listed
WHERE account = :account AND id = :pipeline_id

-- name: version_created_at
SELECT created_at FROM pipeline_versions
WHERE account = :account AND pipeline_id = :pipeline_id AND number = :number

-- name: head
SELECT head FROM pipelines WHERE account = :account AND id = :pipeline_id

-- name: execution
SELECT document FROM executions WHERE account = :account AND pipeline_id = :pipeline_id AND id = :execution_id

-- name: executions
SELECT document FROM executions
WHERE account = :account AND pipeline_id = :pipeline_id AND number < :before
ORDER BY number DESC LIMIT :rows_max

-- name: runs
SELECT execution_number, execution_id, version, stage, action, run, input FROM action_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND (execution_number, number) < (:before_execution, :before_number)
ORDER BY execution_number DESC, number DESC LIMIT :rows_max

-- name: runs_of_execution
SELECT execution_number, execution_id, version, stage, action, run, input FROM action_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number
    AND number < :before_number
ORDER BY number DESC LIMIT :rows_max

-- name: rule_runs
SELECT execution_number, execution_id, version, stage, gate, rule, run, input FROM rule_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND (execution_number, number) < (:before_execution, :before_number)
ORDER BY execution_number DESC, number DESC LIMIT :rows_max

-- name: rule_runs_of_execution
SELECT execution_number, execution_id, version, stage, gate, rule, run, input FROM rule_executions
WHERE account = :account AND pipeline_id = :pipeline_id AND execution_number = :execution_number
    AND number < :before_number
ORDER BY number DESC LIMIT :rows_max

-- name: pipeline_of_run
SELECT pipelines.id, pipelines.account, region, name, pipelines.version, created_at, updated_at FROM action_executions
JOIN pipelines ON pipelines.account = action_executions.account AND pipelines.id = action_executions.pipeline_id
WHERE action_executions.account = :account AND action_executions.id = :run_id

-- name: insert_watch
INSERT INTO watches (account, bucket, object_key, pipeline_id, action)
VALUES (:account, :bucket, :object_key, :pipeline_id, :action)
ON CONFLICT (account, bucket, object_key, pipeline_id, action) DO NOTHING

-- name: watches_of_pipeline
SELECT account, bucket, object_key, pipeline_id, action FROM watches
WHERE account = :account AND pipeline_id = :pipeline_id

-- name: delete_watch
DELETE FROM watches
WHERE account = :account AND bucket = :bucket AND object_key = :object_key
    AND pipeline_id = :pipeline_id AND action = :action

-- name: next_look_at
SELECT look_at FROM watches ORDER BY look_at LIMIT 1

-- name: claim_looks
UPDATE watches SET look_at = :again_at
WHERE (account, bucket, object_key, pipeline_id, action) IN (
    SELECT account, bucket, object_key, pipeline_id, action FROM watches
    WHERE look_at <= :now ORDER BY look_at LIMIT :rows_max
)
RETURNING account, bucket, object_key, pipeline_id, action, seen

-- name: keep_look
UPDATE watches SET seen = :seen, look_at = :again_at
WHERE account = :account AND bucket = :bucket AND object_key = :object_key
    AND pipeline_id = :pipeline_id AND action = :action AND seen = :before

-- name: delete_watches
DELETE FROM watches WHERE account = :account AND pipeline_id = :pipeline_id

-- name: tell_watchers
INSERT INTO timers (account, stamp, kind, pipeline_id, due_at)
SELECT account, pipeline_id || '/' || action, 'SourceChanged', pipeline_id, :now FROM watches
WHERE account = :account AND bucket = :bucket AND object_key = :object_key
ON CONFLICT (account, stamp, kind) DO NOTHING

-- name: regions
-- From each region to the next one, past the pipelines in between.
WITH RECURSIVE found (region) AS (
    SELECT min(region) FROM pipelines WHERE account = :account
    UNION ALL
    SELECT (SELECT min(region) FROM pipelines WHERE account = :account AND region > found.region)
    FROM found WHERE found.region IS NOT NULL
)
SELECT region FROM found WHERE region IS NOT NULL

-- name: delete_pipeline
DELETE FROM pipelines WHERE account = :account AND id = :pipeline_id

-- name: insert_deleted_pipeline
INSERT INTO deleted_pipelines (account, pipeline_id, deleted_at) VALUES (:account, :pipeline_id, :deleted_at)

-- name: delete_timers
DELETE FROM timers WHERE account = :account AND pipeline_id = :pipeline_id

-- name: request_token
SELECT fingerprint, execution_id FROM request_tokens
WHERE account = :account AND pipeline_id = :pipeline_id AND token = :token AND created_at >= :since

-- name: keep_request_token
INSERT INTO request_tokens (account, pipeline_id, token, fingerprint, execution_id, created_at)
VALUES (:account, :pipeline_id, :token, :fingerprint, :execution_id, :created_at)
ON CONFLICT (account, pipeline_id, token) DO UPDATE
SET fingerprint = excluded.fingerprint, execution_id = excluded.execution_id, created_at = excluded.created_at

-- name: source_revision
SELECT stage, action, change_id, execution_id, told_at FROM source_revisions
WHERE account = :account AND pipeline_id = :pipeline_id AND stage = :stage AND action = :action

-- name: keep_source_revision
INSERT INTO source_revisions (account, pipeline_id, stage, action, change_id, execution_id, told_at)
VALUES (:account, :pipeline_id, :stage, :action, :change_id, :execution_id, :told_at)
ON CONFLICT (account, pipeline_id, stage, action) DO UPDATE
SET change_id = excluded.change_id, execution_id = excluded.execution_id, told_at = excluded.told_at

-- name: delete_source_revisions
DELETE FROM source_revisions WHERE account = :account AND pipeline_id = :pipeline_id

-- name: due_timers
SELECT account, pipeline_id, kind, stamp FROM timers WHERE due_at <= :now ORDER BY due_at LIMIT :rows_max

-- name: next_due_at
SELECT due_at FROM timers ORDER BY due_at LIMIT 1
