-- name: slice_fingerprint_key
SELECT name, CAST(secret AS BLOB) FROM server_secrets
WHERE name = 'fingerprint key' AND name > :key1 ORDER BY name LIMIT :rows_max

-- name: replace_fingerprint_key
UPDATE server_secrets SET secret = CAST(:after AS TEXT) WHERE name = :key1 AND secret = CAST(:before AS TEXT)

-- name: slice_root_keys
-- Servers that share a database keep them there.
SELECT name, CAST(secret AS BLOB) FROM server_secrets
WHERE name = 'root access key' AND name > :key1 ORDER BY name LIMIT :rows_max

-- name: replace_root_keys
UPDATE server_secrets SET secret = CAST(:after AS TEXT) WHERE name = :key1 AND secret = CAST(:before AS TEXT)

-- name: slice_access_keys
SELECT access_key_id, CAST(secret AS BLOB) FROM keys
WHERE access_key_id > :key1 ORDER BY access_key_id LIMIT :rows_max

-- name: replace_access_keys
UPDATE keys SET secret = CAST(:after AS TEXT) WHERE access_key_id = :key1 AND secret = CAST(:before AS TEXT)

-- name: slice_webhook_tokens
SELECT account, region, name, CAST(token AS BLOB) FROM webhooks
WHERE (account, region, name) > (:key1, :key2, :key3) ORDER BY account, region, name LIMIT :rows_max

-- name: replace_webhook_tokens
UPDATE webhooks SET token = CAST(:after AS TEXT)
WHERE account = :key1 AND region = :key2 AND name = :key3 AND token = CAST(:before AS TEXT)

-- name: slice_webhook_secrets
SELECT account, region, name, CAST(secret AS BLOB) FROM webhooks
WHERE (account, region, name) > (:key1, :key2, :key3) ORDER BY account, region, name LIMIT :rows_max

-- name: replace_webhook_secrets
UPDATE webhooks SET secret = CAST(:after AS TEXT)
WHERE account = :key1 AND region = :key2 AND name = :key3 AND secret = CAST(:before AS TEXT)

-- name: slice_connection_tokens
SELECT account, connection, CAST(token AS BLOB) FROM connections
WHERE (account, connection) > (:key1, :key2) ORDER BY account, connection LIMIT :rows_max

-- name: replace_connection_tokens
UPDATE connections SET token = CAST(:after AS TEXT)
WHERE account = :key1 AND connection = :key2 AND token = CAST(:before AS TEXT)

-- name: slice_connection_secrets
SELECT account, connection, CAST(secret AS BLOB) FROM connections
WHERE (account, connection) > (:key1, :key2) ORDER BY account, connection LIMIT :rows_max

-- name: replace_connection_secrets
UPDATE connections SET secret = CAST(:after AS TEXT)
WHERE account = :key1 AND connection = :key2 AND secret = CAST(:before AS TEXT)

-- name: slice_pipeline_versions
SELECT account, pipeline_id, number, document FROM pipeline_versions
WHERE (account, pipeline_id, number) > (:key1, :key2, :key3) ORDER BY account, pipeline_id, number LIMIT :rows_max

-- name: replace_pipeline_versions
UPDATE pipeline_versions SET document = :after
WHERE account = :key1 AND pipeline_id = :key2 AND number = :key3 AND document = :before

-- name: slice_jobs
SELECT number, work FROM jobs WHERE number > :key1 ORDER BY number LIMIT :rows_max

-- name: replace_jobs
UPDATE jobs SET work = :after WHERE number = :key1 AND work = :before

-- name: job_id
SELECT id FROM jobs WHERE number = :number

-- name: slice_action_inputs
SELECT account, pipeline_id, execution_number, number, input FROM action_executions
WHERE (account, pipeline_id, execution_number, number) > (:key1, :key2, :key3, :key4)
ORDER BY account, pipeline_id, execution_number, number LIMIT :rows_max

-- name: replace_action_inputs
UPDATE action_executions SET input = :after
WHERE account = :key1 AND pipeline_id = :key2 AND execution_number = :key3 AND number = :key4 AND input = :before

-- name: fingerprint_key
SELECT secret FROM server_secrets WHERE name = 'fingerprint key'

-- name: put_fingerprint_key
INSERT INTO server_secrets (name, secret) VALUES ('fingerprint key', :sealed)
ON CONFLICT (name) DO UPDATE SET secret = excluded.secret

-- name: sealing_keys
SELECT id, since, unused_since FROM sealing_keys ORDER BY since, id

-- name: put_sealing_key
INSERT INTO sealing_keys (id, since, unused_since) VALUES (:id, :since, :unused_since)
ON CONFLICT (id) DO UPDATE SET unused_since = excluded.unused_since

-- name: delete_sealing_key
DELETE FROM sealing_keys WHERE id = :id
