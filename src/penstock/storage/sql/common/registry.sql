-- name: action_type
SELECT type_key, account, region, owner, category, provider, version, document, created_at, deleted_at
FROM action_types WHERE type_key = :type_key

-- name: action_types
-- Two walks in the order of the keys, merged. Partners' types are those behind a key that stands before all of them, and are never
-- deleted: so of either no more is read than is given.
SELECT type_key, account, region, owner, category, provider, version, document, created_at, deleted_at
FROM action_types
WHERE owner = 'Custom' AND deleted_at IS NULL AND account = :account AND region = :region AND type_key > :after
UNION ALL
SELECT type_key, account, region, owner, category, provider, version, document, created_at, deleted_at
FROM action_types
WHERE type_key > :partners_after AND deleted_at IS NULL
ORDER BY type_key LIMIT :rows_max

-- name: custom_type_count
SELECT count(*) FROM action_types
WHERE account = :account AND region = :region AND owner = 'Custom' AND deleted_at IS NULL

-- name: put_action_type
INSERT INTO action_types
    (type_key, account, region, owner, category, provider, version, document, created_at, deleted_at)
VALUES
    (:type_key, :account, :region, :owner, :category, :provider, :version, :document, :created_at, :deleted_at)
ON CONFLICT (type_key) DO UPDATE
SET document = excluded.document, created_at = excluded.created_at, deleted_at = excluded.deleted_at

-- name: partner_types
SELECT type_key, account, region, owner, category, provider, version, document, created_at, deleted_at
FROM action_types
WHERE owner = 'ThirdParty' AND provider = :provider AND version = :version AND deleted_at IS NULL
ORDER BY type_key

-- name: tags
SELECT key, value FROM tags WHERE account = :account AND arn = :arn ORDER BY key

-- name: delete_tags
DELETE FROM tags WHERE account = :account AND arn = :arn

-- name: insert_tag
INSERT INTO tags (account, arn, key, value) VALUES (:account, :arn, :key, :value)

-- name: append_log
INSERT INTO job_logs (account, run_id, number, at, text, total_bytes)
SELECT :account, :run_id, coalesce(max(number), 0) + 1, :at, :text, :total_bytes
FROM job_logs WHERE account = :account AND run_id = :run_id

-- name: log_size
SELECT total_bytes FROM job_logs WHERE account = :account AND run_id = :run_id ORDER BY number DESC LIMIT 1

-- name: log
SELECT number, at, text FROM job_logs
WHERE account = :account AND run_id = :run_id AND number > :after ORDER BY number LIMIT :rows_max
