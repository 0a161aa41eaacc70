-- name: principal
SELECT account, name, id, arn, kind, policies, trust, created_at FROM principals
WHERE account = :account AND name = :name

-- name: principal_of_id
SELECT account, name, id, arn, kind, policies, trust, created_at FROM principals WHERE id = :id

-- name: principals
SELECT account, name, id, arn, kind, policies, trust, created_at FROM principals
WHERE account = :account AND name > :after ORDER BY name LIMIT :rows_max

-- name: insert_principal
INSERT INTO principals (account, name, id, arn, kind, policies, trust, created_at)
VALUES (:account, :name, :id, :arn, :kind, :policies, :trust, :created_at)

-- name: update_principal
UPDATE principals SET policies = :policies, trust = :trust WHERE id = :id

-- name: delete_principal
DELETE FROM principals WHERE account = :account AND name = :name

-- name: access_key
SELECT access_key_id, account, name, secret, created_at FROM keys WHERE access_key_id = :access_key_id

-- name: keys_of_principal
SELECT access_key_id, account, name, secret, created_at FROM keys
WHERE account = :account AND name = :name ORDER BY access_key_id

-- name: insert_key
INSERT INTO keys (access_key_id, account, name, secret, created_at)
VALUES (:access_key_id, :account, :name, :secret, :created_at)

-- name: delete_keys
DELETE FROM keys WHERE account = :account AND name = :name
