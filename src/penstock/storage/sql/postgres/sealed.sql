-- name: slice_fingerprint_key
SELECT name, convert_to(secret, 'UTF8') FROM server_secrets
WHERE name = 'fingerprint key' AND name > :key1 ORDER BY name LIMIT :rows_max

-- name: replace_fingerprint_key
UPDATE server_secrets SET secret = convert_from(:after, 'UTF8') WHERE name = :key1 AND secret = convert_from(:before, 'UTF8')

-- name: slice_root_keys
-- Servers that share a database keep them there.
SELECT name, convert_to(secret, 'UTF8') FROM server_secrets
WHERE name = 'root access key' AND name > :key1 ORDER BY name LIMIT :rows_max

-- name: replace_root_keys
UPDATE server_secrets SET secret = convert_from(:after, 'UTF8') WHERE name = :key1 AND secret = convert_from(:before, 'UTF8')

-- name: slice_access_keys
SELECT access_key_id, convert_to(secret, 'UTF8') FROM keys
WHERE access_key_id > :key1 ORDER BY access_key_id LIMIT :rows_max

-- name: replace_access_keys
UPDATE keys SET secret = convert_from(:after, 'UTF8')
WHERE access_key_id = :key1 AND secret = convert_from(:before, 'UTF8')

-- name: slice_webhook_tokens
SELECT account, region, name, convert_to(token, 'UTF8') FROM webhooks
WHERE (account, region, name) > (:key1, :key2, :key3) ORDER BY account, region, name LIMIT :rows_max

-- name: replace_webhook_tokens
UPDATE webhooks SET token = convert_from(:after, 'UTF8')
WHERE account = :key1 AND region = :key2 AND name = :key3 AND token = convert_from(:before, 'UTF8')

-- name: slice_webhook_secrets
SELECT account, region, name, convert_to(secret, 'UTF8') FROM webhooks
WHERE (account, region, name) > (:key1, :key2, :key3) ORDER BY account, region, name LIMIT :rows_max

-- name: replace_webhook_secrets
UPDATE webhooks SET secret = convert_from(:after, 'UTF8')
WHERE account = :key1 AND region = :key2 AND name = :key3 AND secret = convert_from(:before, 'UTF8')

-- name: slice_connection_tokens
SELECT account, connection, convert_to(token, 'UTF8') FROM connections
WHERE (account, connection) > (:key1, :key2) ORDER BY account, connection LIMIT :rows_max

-- name: replace_connection_tokens
UPDATE connections SET token = convert_from(:after, 'UTF8')
WHERE account = :key1 AND connection = :key2 AND token = convert_from(:before, 'UTF8')

-- name: slice_connection_secrets
SELECT account, connection, convert_to(secret, 'UTF8') FROM connections
WHERE (account, connection) > (:key1, :key2) ORDER BY account, connection LIMIT :rows_max

-- name: replace_connection_secrets
UPDATE connections SET secret = convert_from(:after, 'UTF8')
WHERE account = :key1 AND connection = :key2 AND secret = convert_from(:before, 'UTF8')

-- name: slice_jobs
SELECT account, id, work FROM jobs WHERE (account, id) > (:key1, :key2) ORDER BY account, id LIMIT :rows_max

-- name: replace_jobs
UPDATE jobs SET work = :after WHERE account = :key1 AND id = :key2 AND work = :before
