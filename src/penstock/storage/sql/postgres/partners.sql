-- name: insert_link
INSERT INTO links (account, provider, version, client_id, created_at)
VALUES (:account, :provider, :version, :client_id, :created_at)
ON CONFLICT (account, provider, version) DO NOTHING
