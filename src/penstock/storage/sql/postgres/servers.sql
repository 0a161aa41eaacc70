-- name: leave
INSERT INTO server_secrets (name, secret) VALUES (:name, :secret) ON CONFLICT (name) DO NOTHING

-- name: left
SELECT secret FROM server_secrets WHERE name = :name

-- name: change
UPDATE server_secrets SET secret = :after WHERE name = :name AND secret = :before

-- name: names
SELECT name FROM server_secrets WHERE starts_with(name, :front) ORDER BY name

-- name: forget
DELETE FROM server_secrets WHERE name = :name

-- name: lead
-- Whoever leads goes on; somebody else takes over when it has not said so in time.
INSERT INTO leaders (duty, server, until) VALUES (:duty, :server, :until)
ON CONFLICT (duty) DO UPDATE SET server = excluded.server, until = excluded.until
WHERE leaders.server = excluded.server OR leaders.until < :now
RETURNING server

-- name: live_servers
-- Each holds a lock that is named after it, for as long as it is connected.
SELECT server FROM committed WHERE EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32) | objid::bigint = hashtextextended(server, 0)
)
ORDER BY server
