-- name: webhook
SELECT
    account, region, name, id, token, token_hash, definition, secret, created_at, registration, last_triggered,
    error_code, error_message
FROM webhooks WHERE account = :account AND region = :region AND name = :name

-- name: webhooks
SELECT
    account, region, name, id, token, token_hash, definition, secret, created_at, registration, last_triggered,
    error_code, error_message
FROM webhooks WHERE account = :account AND region = :region AND name > :after ORDER BY name LIMIT :rows_max

-- name: webhook_of_token
SELECT
    account, region, name, id, token, token_hash, definition, secret, created_at, registration, last_triggered,
    error_code, error_message
FROM webhooks WHERE token_hash = :token_hash

-- name: webhook_count
SELECT count(*) FROM webhooks WHERE account = :account AND region = :region

-- name: put_webhook
INSERT INTO webhooks (
    account, region, name, id, token, token_hash, definition, secret, created_at, registration, last_triggered,
    error_code, error_message
)
VALUES (
    :account, :region, :name, :id, :token, :token_hash, :definition, :secret, :created_at, :registration,
    :last_triggered, :error_code, :error_message
)
ON CONFLICT (account, region, name) DO UPDATE
SET definition = excluded.definition, secret = excluded.secret, registration = excluded.registration,
    last_triggered = excluded.last_triggered, error_code = excluded.error_code, error_message = excluded.error_message

-- name: mark_webhook
UPDATE webhooks
SET last_triggered = coalesce(:triggered_at, last_triggered), error_code = :error_code, error_message = :error_message
WHERE account = :account AND region = :region AND name = :name

-- name: delete_webhook
DELETE FROM webhooks WHERE account = :account AND region = :region AND name = :name

-- name: connection
SELECT account, connection, arn, id, provider, token, token_hash, secret, created_at
FROM connections WHERE account = :account AND connection = :connection

-- name: connection_of_token
SELECT account, connection, arn, id, provider, token, token_hash, secret, created_at
FROM connections WHERE token_hash = :token_hash

-- name: put_connection
INSERT INTO connections (account, connection, arn, id, provider, token, token_hash, secret, created_at)
VALUES (:account, :connection, :arn, :id, :provider, :token, :token_hash, :secret, :created_at)
ON CONFLICT (account, connection) DO UPDATE
SET arn = excluded.arn, provider = excluded.provider, secret = excluded.secret

-- name: delete_sources
DELETE FROM repository_sources WHERE account = :account AND pipeline_id = :pipeline_id

-- name: insert_source
INSERT INTO repository_sources (account, connection, repository, pipeline_id, action, document)
VALUES (:account, :connection, :repository, :pipeline_id, :action, :document)

-- name: watched
-- The word CROSS keeps SQLite from going through all pipelines in the order that is asked for.
SELECT pipelines.id, pipelines.name, pipelines.region, repository_sources.document
FROM repository_sources CROSS JOIN pipelines
WHERE repository_sources.account = :account AND repository_sources.connection = :connection
    AND repository_sources.repository = :repository
    AND pipelines.account = repository_sources.account AND pipelines.id = repository_sources.pipeline_id
ORDER BY pipelines.region, pipelines.name, repository_sources.action

-- name: log_delivery
INSERT INTO webhook_deliveries
    (account, hook_id, number, at, sender, delivery_id, event, verdict, reason, outcomes)
SELECT
    :account, :hook_id, coalesce(max(number), 0) + 1, :at, :sender, :delivery_id, :event, :verdict, :reason, :outcomes
FROM webhook_deliveries WHERE account = :account AND hook_id = :hook_id

-- name: forget_deliveries
DELETE FROM webhook_deliveries
WHERE account = :account AND hook_id = :hook_id AND number <= (
    SELECT max(number) FROM webhook_deliveries WHERE account = :account AND hook_id = :hook_id
) - :kept_max

-- name: delete_deliveries
DELETE FROM webhook_deliveries WHERE account = :account AND hook_id = :hook_id

-- name: deliveries
SELECT account, hook_id, at, sender, delivery_id, event, verdict, reason, outcomes, number
FROM webhook_deliveries WHERE account = :account AND hook_id = :hook_id AND number < :before
ORDER BY number DESC LIMIT :rows_max

-- name: outcomes_of
SELECT outcomes FROM webhook_deliveries
WHERE account = :account AND hook_id = :hook_id AND delivery_id = :delivery_id ORDER BY number
