-- name: insert_job
INSERT INTO jobs
    (id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, status, visible_at,
     client_id, timeout_seconds, created_at, work)
VALUES
    (:id, :account, :region, :pipeline_id, :execution_id, :stage, :action, :run_id, :type_key, :query_key, 'Queued',
     :visible_at, :client_id, :timeout_seconds, :created_at, :work)

-- name: load_jobs
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at
FROM jobs WHERE id = ANY(:ids) ORDER BY id

-- name: end_job
UPDATE jobs SET status = :status, ended_at = :at, work = NULL, lease = NULL
WHERE id = :id AND status IN ('Queued', 'Dispatched', 'InProgress')

-- name: claim_jobs
-- What another server is just handing out is passed over, so nobody waits.
UPDATE jobs
SET status = 'Dispatched', nonce = replace(gen_random_uuid()::text, '-', ''), attempt = attempt + 1,
    visible_at = :redeliver_at, claimant = :claimant, lease = :lease, status_at = :now
WHERE id = ANY (ARRAY(
    SELECT id FROM jobs
    WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched') AND visible_at <= :now
    ORDER BY visible_at, id LIMIT :jobs_max
    FOR UPDATE SKIP LOCKED
))
RETURNING id, account, region, nonce, work, client_id

-- name: acknowledge_job
UPDATE jobs SET status = 'InProgress', status_at = :at WHERE id = :id AND status = 'Dispatched' AND nonce = :nonce

-- name: redispatch_job
UPDATE jobs SET nonce = replace(gen_random_uuid()::text, '-', '') WHERE id = :id AND status = 'Dispatched'
RETURNING nonce

-- name: has_claimable
SELECT EXISTS (
    SELECT 1 FROM jobs
    WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched') AND visible_at <= :now
)

-- name: leased_jobs
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at, work, query_key, visible_at, coalesce(status_at, created_at), claimant, lease
FROM jobs WHERE lease IS NOT NULL ORDER BY id
