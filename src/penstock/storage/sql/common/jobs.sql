-- name: insert_job
INSERT INTO jobs
    (number, id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, query_key, status,
     visible_at, client_id, timeout_seconds, created_at, work)
VALUES
    (:number, :id, :account, :region, :pipeline_id, :execution_id, :stage, :action, :run_id, :type_key, :query_key,
     'Queued', :visible_at, :client_id, :timeout_seconds, :created_at, :work)

-- name: end_job
UPDATE jobs SET status = :status, ended_at = :at, work = NULL, lease = NULL
WHERE number = :number AND (status = 'InProgress' OR status = 'Dispatched' OR status = 'Queued')

-- name: acknowledge_job
UPDATE jobs SET status = 'InProgress', status_at = :at
WHERE number = :number AND status = 'Dispatched' AND nonce = :nonce

-- name: redispatch_job
UPDATE jobs SET nonce = :nonce WHERE number = :number AND status = 'Dispatched'

-- name: last_number
SELECT coalesce(max(number), 0) FROM jobs

-- name: load_job
SELECT number, id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at
FROM jobs WHERE id = :id

-- name: load_work
SELECT work FROM jobs WHERE number = :number

-- name: job_with_work
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at, work, query_key, visible_at, coalesce(status_at, created_at), claimant, lease
FROM jobs WHERE id = :id

-- name: leased_jobs
SELECT id, account, region, pipeline_id, execution_id, stage, action, run_id, type_key, status, nonce, client_id,
    timeout_seconds, ended_at, work, query_key, visible_at, coalesce(status_at, created_at), claimant, lease
FROM jobs WHERE lease IS NOT NULL

-- name: next_visible_at
SELECT visible_at FROM jobs
WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched')
ORDER BY visible_at LIMIT 1
