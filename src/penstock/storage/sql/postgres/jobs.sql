-- What writes sets has lists for parameters, with an element for each row (aggregates.sql says more).

-- name: insert_job
INSERT INTO jobs
    (id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, status, visible_at,
     client_id, timeout_seconds, created_at, work)
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, 'Queued', visible_at,
    client_id, timeout_seconds, created_at, work
FROM unnest(
    :id::text[], :account::text[], :region::text[], :pipeline_id::text[], :execution_id::text[], :stage::text[],
    :action::text[], :run_id::text[], :type_key::text[], :query_key::text[], :visible_at::double precision[],
    :client_id::text[], :timeout_seconds::bigint[], :created_at::double precision[], :work::bytea[]
) AS asked (id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, visible_at, client_id,
    timeout_seconds, created_at, work)

-- name: load_jobs
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at
FROM unnest(:ids::text[]) AS asked (name)
JOIN jobs ON id = name ORDER BY id

-- name: hold_jobs
-- What of a job may change.
SELECT id, status, nonce, ended_at
FROM unnest(:ids::text[]) AS asked (name)
JOIN jobs ON id = name ORDER BY id
FOR NO KEY UPDATE OF jobs

-- name: end_job
-- Their rows are locked.
UPDATE jobs SET status = found.status, ended_at = found.at, work = NULL, lease = NULL
FROM unnest(:id::text[], :status::text[], :at::double precision[]) AS asked (id, status, at)
CROSS JOIN LATERAL (
    SELECT jobs.ctid AS place, asked.status, asked.at FROM jobs
    WHERE jobs.id = asked.id AND jobs.status IN ('Queued', 'Dispatched', 'InProgress')
    FOR NO KEY UPDATE OF jobs
) AS found
WHERE jobs.ctid = found.place

-- name: claim_jobs
-- What another server is just handing out is passed over, so nobody waits.
WITH found AS MATERIALIZED (
    SELECT id AS name FROM jobs
    WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched') AND visible_at <= :now
    ORDER BY visible_at, id LIMIT :jobs_max
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs
SET status = 'Dispatched', nonce = replace(gen_random_uuid()::text, '-', ''), attempt = attempt + 1,
    visible_at = :redeliver_at, claimant = :claimant, lease = :lease, status_at = :now
FROM found WHERE id = name
RETURNING id, account, region, nonce, work, client_id

-- name: lock_jobs
SELECT found.id FROM unnest(:id::text[]) AS asked (id)
CROSS JOIN LATERAL (SELECT jobs.id FROM jobs WHERE jobs.id = asked.id FOR NO KEY UPDATE) AS found

-- name: acknowledge_job
-- Their rows are locked. Without an account, any will do; so with regions.
UPDATE jobs SET status = 'InProgress', status_at = found.at
FROM unnest(:id::text[], :account::text[], :region::text[], :nonce::text[], :at::double precision[])
    AS asked (id, account, region, nonce, at)
CROSS JOIN LATERAL (
    SELECT jobs.ctid AS place, asked.at FROM jobs
    WHERE jobs.id = asked.id AND jobs.status = 'Dispatched' AND jobs.nonce = asked.nonce
        AND jobs.account = coalesce(asked.account, jobs.account) AND jobs.region = coalesce(asked.region, jobs.region)
    FOR NO KEY UPDATE OF jobs
) AS found
WHERE jobs.ctid = found.place
RETURNING jobs.id

-- name: redispatch_job
UPDATE jobs SET nonce = replace(gen_random_uuid()::text, '-', '') WHERE id = :id AND status = 'Dispatched'
RETURNING nonce

-- name: next_visible_times
SELECT asked.type_key, asked.query_key, found.visible_at
FROM unnest(:type_keys::text[], :query_keys::text[]) AS asked (type_key, query_key)
CROSS JOIN LATERAL (
    SELECT visible_at FROM jobs
    WHERE jobs.type_key = asked.type_key AND jobs.query_key = asked.query_key AND jobs.status IN ('Queued', 'Dispatched')
    ORDER BY visible_at LIMIT 1
) AS found

-- name: leased_jobs
-- In the order of the one index that knows of no others.
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at, work, query_key, visible_at, coalesce(status_at, created_at), claimant, lease
FROM jobs WHERE lease > '' ORDER BY lease, id
