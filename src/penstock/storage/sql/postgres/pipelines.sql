-- name: tell_watchers
-- A timer that is there already is locked: the one who fires it waits, and then sees the object that this is about.
INSERT INTO timers (account, stamp, kind, pipeline_id, due_at, visible_at)
SELECT account, pipeline_id || '/' || action, 'SourceChanged', pipeline_id, :now, :now FROM watches
WHERE account = :account AND bucket = :bucket AND object_key = :object_key
ORDER BY pipeline_id, action
ON CONFLICT (account, stamp, kind) DO UPDATE SET due_at = timers.due_at

-- name: due_timers
-- What is given out is nobody else's until `held_until`; if it is still there by then, whoever had it has failed.
WITH held AS (
    UPDATE timers SET visible_at = :held_until
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM timers WHERE visible_at <= :now
        ORDER BY visible_at, due_at LIMIT :rows_max
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING account, pipeline_id, kind, stamp, due_at
)
SELECT account, pipeline_id, kind, stamp FROM held ORDER BY due_at, account, stamp, kind

-- name: next_due_at
SELECT visible_at FROM timers ORDER BY visible_at LIMIT 1

-- name: claim_looks
-- What another server is just taking is its own; who comes a moment later finds it not due.
UPDATE watches SET look_at = :again_at
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM watches WHERE look_at <= :now
    ORDER BY look_at LIMIT :rows_max
    FOR UPDATE SKIP LOCKED
))
RETURNING account, bucket, object_key, pipeline_id, action, seen

-- name: execution
-- By its id: nothing else makes the planner pass over the index of its pipeline's executions, which may be many.
SELECT found.document FROM (
    SELECT account, pipeline_id, document FROM executions WHERE id = :execution_id OFFSET 0
) AS found
WHERE found.account = :account AND found.pipeline_id = :pipeline_id

-- name: pipeline_of_run
SELECT pipelines.id, pipelines.account, region, name, pipelines.version, created_at, updated_at
FROM (SELECT account, pipeline_id FROM action_executions WHERE id = :run_id OFFSET 0) AS found
JOIN pipelines ON pipelines.account = found.account AND pipelines.id = found.pipeline_id
WHERE found.account = :account
