-- name: forget_logs
DELETE FROM job_logs
WHERE ctid = ANY (ARRAY(
    SELECT found.place FROM json_array_elements_text(:run_ids::json) AS asked (run_id)
    CROSS JOIN LATERAL (
        SELECT job_logs.ctid AS place FROM job_logs
        WHERE job_logs.account = :account AND job_logs.run_id = asked.run_id
        ORDER BY job_logs.number
    ) AS found
    LIMIT :rows_max
))

-- name: forget_request_tokens
DELETE FROM request_tokens
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM request_tokens
    WHERE account = :account AND pipeline_id = :pipeline_id AND created_at < :before LIMIT :rows_max
))

-- name: forget_jobs
-- What another server is just deleting is passed over.
DELETE FROM jobs
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM jobs WHERE ended_at < :before ORDER BY ended_at LIMIT :rows_max
    FOR UPDATE SKIP LOCKED
))
