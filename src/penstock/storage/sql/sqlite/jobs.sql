-- name: claim_jobs
UPDATE jobs
SET status = 'Dispatched', nonce = lower(hex(randomblob(16))), attempt = attempt + 1, visible_at = :redeliver_at,
    claimant = :claimant, lease = :lease, status_at = :now
WHERE number IN (
    SELECT number FROM jobs
    WHERE type_key = :type_key AND query_key = :query_key AND status IN ('Queued', 'Dispatched') AND visible_at <= :now
    ORDER BY visible_at, number LIMIT :jobs_max
)
RETURNING number, id, nonce
