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

-- name: rewrite_version
UPDATE pipelines SET revision = revision + 1, versions_rewritten = versions_rewritten + 1
WHERE account = :account AND id = :pipeline_id

-- What follows writes sets: each parameter is a list, with an element for each row. A row is found and locked one after the
-- other, and written by where it lies.

-- name: write_head
UPDATE pipelines SET head = found.head, revision = found.revision
FROM unnest(:account::text[], :pipeline_id::text[], :revision::bigint[], :head::bytea[])
    AS asked (account, id, revision, head)
CROSS JOIN LATERAL (
    SELECT pipelines.ctid AS place, asked.revision, asked.head FROM pipelines
    WHERE pipelines.account = asked.account AND pipelines.id = asked.id AND pipelines.revision = asked.revision - 1
    FOR NO KEY UPDATE OF pipelines
) AS found
WHERE pipelines.ctid = found.place

-- name: advance_revision
-- Something of the pipeline has changed and its head has not: what others keep of it is out of date all the same.
UPDATE pipelines SET revision = found.revision
FROM unnest(:account::text[], :pipeline_id::text[], :revision::bigint[]) AS asked (account, id, revision)
CROSS JOIN LATERAL (
    SELECT pipelines.ctid AS place, asked.revision FROM pipelines
    WHERE pipelines.account = asked.account AND pipelines.id = asked.id AND pipelines.revision = asked.revision - 1
    FOR NO KEY UPDATE OF pipelines
) AS found
WHERE pipelines.ctid = found.place

-- name: insert_execution
INSERT INTO executions (account, pipeline_id, number, id, status, document)
SELECT * FROM unnest(
    :account::text[], :pipeline_id::text[], :number::bigint[], :id::text[], :status::text[], :document::bytea[]
)

-- name: update_execution
UPDATE executions SET document = found.document
FROM unnest(:account::text[], :pipeline_id::text[], :number::bigint[], :status::text[], :document::bytea[])
    AS asked (account, pipeline_id, number, status, document)
CROSS JOIN LATERAL (
    SELECT executions.ctid AS place, asked.document FROM executions
    WHERE executions.account = asked.account AND executions.pipeline_id = asked.pipeline_id
        AND executions.number = asked.number AND executions.status = asked.status
    FOR NO KEY UPDATE OF executions
) AS found
WHERE executions.ctid = found.place

-- name: update_execution_status
UPDATE executions SET status = found.status, document = found.document
FROM unnest(
    :account::text[], :pipeline_id::text[], :number::bigint[], :status::text[], :status_before::text[], :document::bytea[]
) AS asked (account, pipeline_id, number, status, status_before, document)
CROSS JOIN LATERAL (
    SELECT executions.ctid AS place, asked.status, asked.document FROM executions
    WHERE executions.account = asked.account AND executions.pipeline_id = asked.pipeline_id
        AND executions.number = asked.number AND executions.status = asked.status_before
    FOR NO KEY UPDATE OF executions
) AS found
WHERE executions.ctid = found.place

-- name: insert_run
INSERT INTO action_executions
    (account, pipeline_id, execution_number, number, id, execution_id, version, stage, action, status, input, run)
SELECT * FROM unnest(
    :account::text[], :pipeline_id::text[], :execution_number::bigint[], :number::bigint[], :id::text[],
    :execution_id::text[], :version::bigint[], :stage::text[], :action::text[], :status::text[], :input::bytea[],
    :run::bytea[]
)

-- name: update_run
UPDATE action_executions SET status = found.status, run = found.run
FROM unnest(
    :account::text[], :pipeline_id::text[], :execution_number::bigint[], :number::bigint[], :status::text[], :run::bytea[]
) AS asked (account, pipeline_id, execution_number, number, status, run)
CROSS JOIN LATERAL (
    SELECT known.ctid AS place, asked.status, asked.run FROM action_executions AS known
    WHERE known.account = asked.account AND known.pipeline_id = asked.pipeline_id
        AND known.execution_number = asked.execution_number AND known.number = asked.number
    FOR NO KEY UPDATE OF known
) AS found
WHERE action_executions.ctid = found.place

-- name: insert_rule
INSERT INTO rule_executions
    (account, pipeline_id, execution_number, number, execution_id, version, stage, gate, rule, status, input, run)
SELECT * FROM unnest(
    :account::text[], :pipeline_id::text[], :execution_number::bigint[], :number::bigint[], :execution_id::text[],
    :version::bigint[], :stage::text[], :gate::text[], :rule::text[], :status::text[], :input::bytea[], :run::bytea[]
)

-- name: update_rule
UPDATE rule_executions SET status = found.status, run = found.run
FROM unnest(
    :account::text[], :pipeline_id::text[], :execution_number::bigint[], :number::bigint[], :status::text[], :run::bytea[]
) AS asked (account, pipeline_id, execution_number, number, status, run)
CROSS JOIN LATERAL (
    SELECT known.ctid AS place, asked.status, asked.run FROM rule_executions AS known
    WHERE known.account = asked.account AND known.pipeline_id = asked.pipeline_id
        AND known.execution_number = asked.execution_number AND known.number = asked.number
    FOR NO KEY UPDATE OF known
) AS found
WHERE rule_executions.ctid = found.place

-- name: set_timer
INSERT INTO timers (account, stamp, kind, pipeline_id, due_at, visible_at)
SELECT account, stamp, kind, pipeline_id, due_at, due_at
FROM unnest(:account::text[], :stamp::text[], :kind::text[], :pipeline_id::text[], :due_at::double precision[])
    AS asked (account, stamp, kind, pipeline_id, due_at)
ON CONFLICT (account, stamp, kind) DO UPDATE SET due_at = excluded.due_at, visible_at = excluded.visible_at

-- name: clear_timer
DELETE FROM timers
USING unnest(:account::text[], :stamp::text[], :kind::text[]) AS asked (account, stamp, kind)
CROSS JOIN LATERAL (
    SELECT known.ctid AS place FROM timers AS known
    WHERE known.account = asked.account AND known.stamp = asked.stamp AND known.kind = asked.kind
    FOR UPDATE OF known
) AS found
WHERE timers.ctid = found.place
