-- Sets are looked up row by row: what is LATERAL with an OFFSET, an ORDER BY or a lock is not made into a join, for which the
-- planner might rather read a whole table while it is small, and go on doing so.

-- name: lock_pipelines
-- Locks them one after the other in the order in which they are asked for, so that servers never wait in a circle. The document
-- of a head that is kept at this revision is left out.
SELECT found.*
FROM unnest(:accounts::text[], :pipeline_ids::text[], :revisions::bigint[]) AS asked (account, id, revision)
CROSS JOIN LATERAL (
    SELECT pipelines.account, pipelines.id, pipelines.revision, pipelines.versions_rewritten,
        CASE WHEN pipelines.revision = asked.revision THEN NULL ELSE pipelines.head END
    FROM pipelines WHERE pipelines.account = asked.account AND pipelines.id = asked.id
    FOR NO KEY UPDATE
) AS found

-- name: load_changed_executions
-- The open executions of those that are not kept at their revision. It runs after the lock is held, and so sees the last commit.
SELECT asked.account, asked.id, opened.document
FROM unnest(:accounts::text[], :pipeline_ids::text[], :revisions::bigint[]) AS asked (account, id, revision)
CROSS JOIN LATERAL (
    SELECT 1 FROM pipelines
    WHERE pipelines.account = asked.account AND pipelines.id = asked.id AND pipelines.revision <> asked.revision
    OFFSET 0
) AS changed
CROSS JOIN LATERAL (
    SELECT executions.document FROM executions
    WHERE executions.account = asked.account AND executions.pipeline_id = asked.id
        AND executions.status IN ('InProgress', 'Stopping')
    ORDER BY executions.number
) AS opened

-- name: load_versions
SELECT asked.account, asked.pipeline_id, asked.number, found.document
FROM unnest(:accounts::text[], :pipeline_ids::text[], :numbers::bigint[]) AS asked (account, pipeline_id, number)
CROSS JOIN LATERAL (
    SELECT document FROM pipeline_versions
    WHERE pipeline_versions.account = asked.account AND pipeline_versions.pipeline_id = asked.pipeline_id
        AND pipeline_versions.number = asked.number
    OFFSET 0
) AS found

-- name: load_clients
SELECT asked.account, asked.provider, asked.version, found.client_id
FROM unnest(:accounts::text[], :providers::text[], :versions::text[]) AS asked (account, provider, version)
CROSS JOIN LATERAL (
    SELECT client_id FROM links
    WHERE links.account = asked.account AND links.provider = asked.provider AND links.version = asked.version
    OFFSET 0
) AS found

-- name: advance_revision
-- Something of the pipeline has changed and its head has not: what others keep of it is out of date all the same.
UPDATE pipelines SET revision = :revision
WHERE account = :account AND id = :pipeline_id AND revision = :revision - 1

-- name: rewrite_version
UPDATE pipelines SET revision = revision + 1, versions_rewritten = versions_rewritten + 1
WHERE account = :account AND id = :pipeline_id

-- name: set_timer
INSERT INTO timers (account, stamp, kind, pipeline_id, due_at, visible_at)
VALUES (:account, :stamp, :kind, :pipeline_id, :due_at, :due_at)
ON CONFLICT (account, stamp, kind) DO UPDATE SET due_at = excluded.due_at, visible_at = excluded.visible_at
