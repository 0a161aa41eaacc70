-- name: insert_job
INSERT INTO jobs
    (id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, status, visible_at,
     client_id, timeout_seconds, created_at, work)
VALUES
    (:id, :account, :region, :pipeline_id, :execution_id, :stage, :action, :run_id, :type_key, :query_key, 'Queued',
     :visible_at, :client_id, :timeout_seconds, :created_at, :work)

-- name: end_job
UPDATE jobs SET status = :status, ended_at = :at, work = NULL, lease = NULL
WHERE id = :id AND status IN ('Queued', 'Dispatched', 'InProgress')

-- name: load_job
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id, ended_at
FROM jobs WHERE id = :id

-- name: job_with_work
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id, ended_at,
    work, query_key, visible_at
FROM jobs WHERE id = :id

-- name: leased_jobs
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id, ended_at,
    work, query_key, visible_at
FROM jobs WHERE lease IS NOT NULL AND status IN ('Dispatched', 'InProgress')

-- name: has_claimable
SELECT 1 FROM jobs
WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched') AND visible_at <= :now
LIMIT 1

-- name: next_visible_at
SELECT visible_at FROM jobs
WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched')
ORDER BY visible_at LIMIT 1

-- name: acknowledge_job
UPDATE jobs SET status = 'InProgress'
WHERE id = :job_id AND nonce = :nonce AND (account = :account OR :account IS NULL) AND status = 'Dispatched'
RETURNING timeout_seconds, account, pipeline_id, execution_id

-- name: redispatch_job
UPDATE jobs SET nonce = :nonce WHERE id = :job_id AND status = 'Dispatched'

-- name: delete_jobs_of_pipeline
UPDATE jobs SET status = 'Failed', ended_at = :at, work = NULL, lease = NULL
WHERE account = :account AND pipeline_id = :pipeline_id AND status IN ('Queued', 'Dispatched', 'InProgress')
