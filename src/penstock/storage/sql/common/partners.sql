-- name: link
SELECT account, provider, version, client_id, created_at FROM links
WHERE account = :account AND provider = :provider AND version = :version

-- name: links
SELECT account, provider, version, client_id, created_at FROM links
WHERE account = :account AND (provider, version) > (:after_provider, :after_version)
ORDER BY provider, version LIMIT :rows_max

-- name: client
SELECT account, provider, version, client_id, created_at FROM links WHERE client_id = :client_id

-- name: insert_link
INSERT INTO links (account, provider, version, client_id, token_hash, created_at)
VALUES (:account, :provider, :version, :client_id, x'', :created_at)
ON CONFLICT (account, provider, version) DO NOTHING

-- name: tokens
SELECT token_hash, created_at, valid_until FROM client_tokens WHERE client_id = :client_id ORDER BY number

-- name: delete_tokens
DELETE FROM client_tokens WHERE client_id = :client_id

-- name: insert_token
INSERT INTO client_tokens (client_id, number, token_hash, created_at, valid_until)
VALUES (:client_id, :number, :token_hash, :created_at, :valid_until)
