-- name: forget_logs
DELETE FROM job_logs
WHERE (account, run_id, number) IN (
    SELECT job_logs.account, job_logs.run_id, job_logs.number
    FROM json_each(:run_ids) AS asked CROSS JOIN job_logs
    WHERE job_logs.account = :account AND job_logs.run_id = asked.value
    LIMIT :rows_max
)

-- name: forget_request_tokens
DELETE FROM request_tokens
WHERE (account, pipeline_id, token) IN (
    SELECT account, pipeline_id, token FROM request_tokens
    WHERE account = :account AND pipeline_id = :pipeline_id AND created_at < :before LIMIT :rows_max
)

-- name: jobs_after
-- Numbers grow with time.
SELECT number, id, created_at, ended_at FROM jobs WHERE number > :after ORDER BY number LIMIT :rows_max

-- name: forget_job
DELETE FROM jobs WHERE number = :number
